# Load and check the config, build the study from it, and define what all rules use. Imports only
# fast modules.
import os
import re
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(workflow.basedir) / "workflow_scripts"))

from snakemake.logging import logger

from fidelity.base import kept_results
from fidelity.digests.code import code_of
from fidelity.base.errors import InputError
from fidelity.base.files import check_writable
from fidelity.binarizations.registry import RULES
from fidelity.datasets.acquisition.data_root import correct_link
from fidelity.datasets.registry import GENERATORS, READERS
from fidelity.explainers.registry import method_of
from fidelity.figures.registry import FIGURES, WITH_IMAGES
from fidelity.pages.explorer import STATIC as EXPLORER_FILES
from fidelity.pages.methods.citation import citation
from fidelity.presentation import titles
from fidelity.presentation.page import folder_digest, templates_digest
from fidelity.provenance import records, result_origins
from fidelity.settings import reading
from fidelity.settings.classifiers import absent_from_training
from fidelity.settings.plugin_imports import check_imports
from fidelity.study import paths, targets
from fidelity.study.job_files import JobFiles
from fidelity.study.job_settings import JobSettings, part
from fidelity.study.page_settings import PageSettings
from fidelity.study.paths import benchmark_of, log_of
from fidelity.study.study import Study
from fidelity.study.unit_files import UnitFiles
from fidelity.tools import failed_jobs, folder_lock, next_steps, unknown_target
from fidelity.tools.advice import Advice
from fidelity.units import config_entries, workflow_rules

CONFIG_FILES = (
    ", ".join(map(str, workflow.config_settings.configfiles)) or "config/config.yaml"
)

# Origin of the restored results in a re-analysis, which needs none of the files that the config
# names.
RESTORED = result_origins.restored()
try:
    reading.check_yaml(workflow.configfiles)
    given = reading.typed(workflow.config_settings.config)
    cfg = reading.load(
        reading.merged(config, given),
        CONFIG_FILES,
        given,
        check_files=RESTORED is None,
    )
    # With --sdm, jobs import plugins in another environment than this one. Jobs on a cluster parse
    # this file again, and a report runs no job.
    if workflow.is_main_process and RESTORED is None and "--report" not in sys.argv:
        if not workflow.deployment_settings.deployment_method:
            check_imports(cfg)
except InputError as error:
    raise WorkflowError(str(error)) from None

study = Study(cfg, RESTORED)
job_files = JobFiles(study)
job_settings = JobSettings(study)
page_settings = PageSettings(job_settings)
unit_files = UnitFiles(study, job_files, job_settings)
TITLES = titles.display(study, *study.datasets)
# For the captions of the report only: jobs that compute have no titles in their params.
config["titles"] = TITLES | {
    "classifiers": {name: TITLES["classifiers"][name] for name in study.shown},
    "split": study.shown_splits,
}
# The report begins with these answers; other runs of Snakemake do not need them.
config["answers"] = []
config["generated"] = []
if "--report" in sys.argv:
    from fidelity.presentation.wording import generated_data
    from fidelity.verdict.answer import answers

    config["generated"] = [
        generated_data(TITLES["datasets"][name]) for name in study.generated
    ]
    with titles.showing(TITLES):
        for name in study.studies:
            verdict = Path(paths.table("verdict", "json").format(dataset=name))
            config["answers"] += answers(verdict, study.families, cfg.statistics.alpha)
THREADS = cfg.compute.threads
# GPUs that a job with a network requests from a cluster. `auto` uses a GPU but does not request
# one.
GPUS = int(cfg.compute.device.startswith("cuda"))
ENV = "../envs/environment.yaml"


# Applies to every rule. Used only with `--sdm apptainer`, as ENV is used only with `--sdm conda`.
container: cfg.compute.container


# Advice below Snakemake's own error message; after a call through `make`, it names `make` commands.
if workflow.is_main_process:
    logger.addFilter(
        Advice(
            {
                "LockException": lambda message: folder_lock.told(
                    Path.cwd(),
                    next_steps.unlocking(CONFIG_FILES, workflow.config_settings.config),
                ),
                "MissingRuleException": lambda message: unknown_target.told(
                    message, *known_targets()
                ),
            }
        )
    )


def known_targets():
    """Return the rules that can be targets, and the folders and files in the paths of results."""
    outputs = [Path(str(path)) for made in workflow.rules for path in made.output]
    names = [study.datasets, study.classifiers, study.explainers]
    names += [study.binarizations, study.protocols]
    return (
        [made.name for made in workflow.rules if not made.has_wildcards()],
        {part for path in outputs for part in path.parts}.union(*names),
    )


# Runs before the first job, but not in a dry run. Without it, a folder that is not writable would
# show up as a traceback of Snakemake.
onstart:
    try:
        check_writable(paths.RESULTS, paths.top_folders(study.datasets))
    except InputError as error:
        raise WorkflowError(str(error)) from None
    forced = workflow.dag_settings.forceall or workflow.dag_settings.forcerun
    os.environ[kept_results.FORCED] = str(int(bool(forced)))
    records.mark_running(study.datasets)


def any_of(names):
    """Return a wildcard constraint that matches these names and no others."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    dataset=any_of(study.datasets),
    classifier=any_of([*study.classifiers, paths.NONE]),
    explainer=any_of(study.explainers),
    binarization=any_of(study.binarizations),
    protocol=any_of(study.protocols),
    source=r"[a-z0-9_]+-[0-9a-f]{12}",
    shard=r"(train|val|test)-\d{3}",


def needs(mem_mb, minutes, per_attempt=1000, **more):
    """Return the resources of a rule; memory (MB) and minutes increase with each retry."""
    return {
        "mem_mb": lambda w, attempt: mem_mb + per_attempt * (attempt - 1),
        "runtime": lambda w, attempt: minutes * attempt,
        **more,
    }


def complete_rules():
    """Add environment, log, benchmark and digest of the script to rules that do not set them.

    A log without another place has that of `paths.log_of_rule`.
    """
    for step in workflow.rules:
        if step.script or step.notebook:
            step.conda_env = ENV
        # Only for scripts: for a notebook, Snakemake 9 would measure its own process with all its
        # children.
        if step.script:
            step.log_modifier = step.benchmark_modifier = step.output_modifier
            if not step.log:
                step.set_log(paths.log_of_rule(step.name, step.wildcard_names))
            step.benchmark = paths.benchmark_beside(str(step.log[0]))
            if "digest" not in step.params.keys():
                step.set_params(digest=code_of(Path(step.script).name))


def shown_as(w):
    """Return titles, order and colours: a param only of rules whose results people read."""
    # Includes the data set that the lung network was trained on.
    return titles.display(study, w.dataset, study.lungs_from.get(w.dataset, ""))


def title_of_dataset(w):
    return TITLES["datasets"][w.dataset]


def labelled(figure):
    """Return a function that gives the labels of a figure in the report."""
    return lambda w: {
        "classifier": TITLES["classifiers"][w.classifier],
        figure.labelled: TITLES["binarizations"].get(
            getattr(w, "binarization", ""), figure.label
        ),
    }


def in_report(name, figure):
    """Return the PNG of a figure, marked for the report unless its images must stay private."""
    path = paths.figure(f"{name}{figure.suffix}")
    if name in WITH_IMAGES and not cfg.explorer.images:
        return path
    return report(
        path,
        caption=caption_of(name),
        category=title_of_dataset,
        subcategory=figure.subcategory,
        labels=labelled(figure),
    )


def drawing(names):
    """Return a params function that gives the settings of these names."""
    return lambda w: {
        "dpi": cfg.figures.dpi,
        "classifier": w.classifier,
        **{n: SETTINGS[n](w) if callable(SETTINGS[n]) else SETTINGS[n] for n in names},
    }


def caption_of(name):
    """Return the caption file of a figure in the report; None if there is none."""
    caption = Path("captions") / f"{name}.rst"
    found = (Path(workflow.basedir) / "rules" / caption).exists()
    return str(caption) if found else None


def step(needed, says, inputs, outputs, **params):
    """Describe a job that computes tables: its files, and the `params` that decide them."""
    return SimpleNamespace(**locals())


def blocks(w):
    return study.blocks(w.dataset)


def primary_blocks(w):
    return study.primary_blocks(w.dataset)

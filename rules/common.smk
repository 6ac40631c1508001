# The checked config as a study, and what every rule uses. Imports nothing heavy.
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
from fidelity.datasets.registry import GENERATORS, READERS
from fidelity.explainers.registry import method_of
from fidelity.figures.registry import FIGURES, WITH_IMAGES
from fidelity.pages.explorer import STATIC as EXPLORER_FILES
from fidelity.pages.methods.citation import citation
from fidelity.presentation import titles
from fidelity.presentation.page import folder_digest, templates_digest
from fidelity.provenance import records, result_origins
from fidelity.settings import reading
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

# What the results were restored from, in a re-analysis: it needs no file that the config names.
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
except InputError as error:
    raise WorkflowError(str(error)) from None

study = Study(cfg, RESTORED)
job_files = JobFiles(study)
job_settings = JobSettings(study)
page_settings = PageSettings(job_settings)
unit_files = UnitFiles(study, job_files, job_settings)
TITLES = titles.display(study, *study.datasets)
# For the captions of the report: a job that computes has no titles among its params.
config["titles"] = TITLES | {
    "classifiers": {name: TITLES["classifiers"][name] for name in study.shown}
}
# The report begins with the answers; no other run of Snakemake reads them.
config["answers"] = []
if "--report" in sys.argv:
    from fidelity.verdict.answer import answers

    with titles.showing(TITLES):
        for name in study.studies:
            verdict = Path(paths.table("verdict", "json").format(dataset=name))
            config["answers"] += answers(verdict, study.families)
THREADS = cfg.compute.threads
# What a job that runs a network requests from a cluster; `auto` uses a GPU, but requests none.
GPUS = int(cfg.compute.device.startswith("cuda"))
ENV = "../envs/environment.yaml"


# Of every rule; looked at under `--sdm apptainer` alone, as ENV is under `--sdm conda`.
container: cfg.compute.container


# Said below Snakemake's own message; through `make`, in words of `make`.
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
    """Names of the rules that may be targets, and the folders and files in the paths of results."""
    outputs = [Path(str(path)) for made in workflow.rules for path in made.output]
    names = [study.datasets, study.classifiers, study.explainers]
    names += [study.binarizations, study.protocols]
    return (
        [made.name for made in workflow.rules if not made.has_wildcards()],
        {part for path in outputs for part in path.parts}.union(*names),
    )


# Before the first job, not when only planning: else a traceback of Snakemake's would be the answer.
onstart:
    try:
        check_writable(paths.RESULTS, paths.top_folders(study.datasets))
    except InputError as error:
        raise WorkflowError(str(error)) from None
    forced = workflow.dag_settings.forceall or workflow.dag_settings.forcerun
    os.environ[kept_results.FORCED] = str(int(bool(forced)))
    records.mark_running(study.datasets)


def any_of(names):
    """A wildcard constraint that admits these names and no others."""
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
    """Resources of a rule: memory (MB) grows with each retry, the minutes are those once more."""
    return {
        "mem_mb": lambda w, attempt: mem_mb + per_attempt * (attempt - 1),
        "runtime": lambda w, attempt: minutes * attempt,
        **more,
    }


def complete_rules():
    """Give every rule that runs something its environment, and a benchmark next to its log."""
    for step in workflow.rules:
        if step.script or step.notebook:
            step.conda_env = ENV
        # For a notebook, Snakemake 9 would time itself and all that runs beside it.
        if step.script:
            step.benchmark_modifier = step.log_modifier
            step.benchmark = paths.benchmark_beside(str(step.log[0]))


def shown_as(w):
    """Titles, order and colours: a param of rules whose results people read, and of no other."""
    # The data set that a lung network was trained on is named as well.
    return titles.display(study, w.dataset, study.lungs_from.get(w.dataset, ""))


def title_of_dataset(w):
    return TITLES["datasets"][w.dataset]


def labelled(figure):
    """A function for the report: the labels of a figure."""
    return lambda w: {
        "classifier": TITLES["classifiers"][w.classifier],
        figure.labelled: TITLES["binarizations"].get(
            getattr(w, "binarization", ""), figure.label
        ),
    }


def in_report(name, figure):
    """The PNG of a figure, in the report unless it shows images that may not leave."""
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
    """A function for params: the settings of these names."""
    return lambda w: {
        "dpi": cfg.figures.dpi,
        "classifier": w.classifier,
        **{n: SETTINGS[n](w) if callable(SETTINGS[n]) else SETTINGS[n] for n in names},
    }


def caption_of(name):
    """The caption of a figure in the report, if it has one."""
    caption = Path("captions") / f"{name}.rst"
    found = (Path(workflow.basedir) / "rules" / caption).exists()
    return str(caption) if found else None


def step(needed, says, inputs, outputs, at="{dataset}", **params):
    """A job that computes tables: its files, what decides them (`params`)."""
    return SimpleNamespace(**locals())


def blocks(w):
    return study.blocks(w.dataset)


def primary_blocks(w):
    return study.primary_blocks(w.dataset)

# Localization fidelity of explanations of chest X-ray classifiers: config, includes, target rules.
from snakemake.utils import min_version

min_version("9.0")

# Not a bare `configfile:`: it would merge the demo's data sets into every other config.
if not workflow.config_settings.configfiles:

    configfile: "config/config.yaml"


report: "rules/captions/study.rst"


include: "rules/common.smk"
include: "rules/inputs.smk"
include: "rules/cases.smk"
include: "rules/classifiers.smk"
include: "rules/saliency.smk"
include: "rules/localization.smk"
include: "rules/readers.smk"
include: "rules/statistics.smk"
include: "rules/faithfulness.smk"
include: "rules/sanity.smk"
include: "rules/known_truth.smk"
include: "rules/figures.smk"
include: "rules/summary.smk"
include: "rules/notebook.smk"
include: "rules/pages.smk"
include: "rules/units.smk"
include: "rules/provenance.smk"


complete_rules()
# A cluster job skips this: the main Snakemake process that submitted it has already done it.
if workflow.is_main_process:
    take_over_results()


# These jobs take seconds on one core: not worth a cluster job, which starts Snakemake twice (10 s).
# `acquire` and `check_classifier` download data and weights, and compute nodes often have no
# network access.
localrules:
    all,
    tables,
    figures,
    checks,
    masks_png,
    notebooks,
    acquire,
    shard_cases,
    list_prepared,
    check_classifier,
    explain_without_network,
    evaluate,
    name_outputs,
    seeds,
    layers,
    verdict,
    unit,
    units,
    format_tables,
    known_truth,
    summary_over_datasets,
    provenance,


# Print the advice at the very end, below the output of the other jobs.
onerror:
    records.write_listings(RAW_FOLDERS, PLACES)
    told = failed_jobs.told(failed_jobs.failures_of(log), CONFIG_FILES)
    if told:
        print(told, file=sys.stderr, flush=True)


# `make run` continues with the report and then lists where everything is.
onsuccess:
    records.write_listings(RAW_FOLDERS, PLACES)
    if "MAKELEVEL" not in os.environ:
        overrides = workflow.config_settings.config
        told = next_steps.told(study.studies, CONFIG_FILES, overrides)
        if told:
            print(told, file=sys.stderr, flush=True)


rule all:
    default_target: True
    input:
        targets.tables(study),
        targets.figures(study),
        rules.notebooks.input,
        expand(rules.explorer.output, dataset=study.studies),
        targets.pages(study),
        expand(rules.provenance.output, dataset=study.studies),
        rules.summary_over_datasets.output if study.studies else [],

# Localization fidelity of explanations of chest X-ray classifiers: config, includes, target rules.
from snakemake.utils import min_version

min_version("9.0")

# Not a bare `configfile:`, which would mix the demo's data sets into every other config.
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
# A cluster's job was planned by the Snakemake that has done this.
if workflow.is_main_process:
    take_over_results()


# Not worth a job of a cluster, which starts Snakemake twice (10 s): seconds each on one core. `acquire`
# and `check_classifier` fetch data and weights, and compute nodes often reach no network.
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


# At the very end, below whatever the other jobs had to say.
onerror:
    records.write_listings(RAW_FOLDERS, PLACES)
    told = failed_jobs.told(failed_jobs.failures_of(log), CONFIG_FILES)
    if told:
        print(told, file=sys.stderr, flush=True)


# `make run` goes on to the report by itself, and lists where everything is.
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

"""List the rules that a re-analysis runs: those that need only per-case results.

Imports only fast modules, because Snakemake imports it at each parsing.
"""

from fidelity.figures.registry import FIGURES, WITH_IMAGES

# A re-analysis excludes all other rules, so that their outputs come from the units.
RULES = (
    "reanalysis",
    "summarize",
    "compare",
    "boxes",
    "without_twins",
    "ranks",
    "readers",
    "seeds",
    "layers",
    "stability",
    "mixed_model",
    "strata",
    "organs",
    "agreement",
    "evaluate",
    "verdict",
    "format_tables",
    "study_page",
    "paper",
    "summarize_faithfulness",
    "compare_faithfulness",
    "summarize_sanity",
    "summarize_repeatability",
    "known_truth",
    "controls",
    "failure_model",
    *(f"figure_{name}" for name in FIGURES if name not in WITH_IMAGES),
)
# Further rules whose results and costs are not part of a unit.
BESIDE = (
    "explore",
    "explorer",
    "export_chexlocalize",
    "export_masks_png",
    "organ_masks",
    "provenance",
    "summary_over_datasets",
    "unit",
    *(f"figure_{name}" for name in WITH_IMAGES),
)

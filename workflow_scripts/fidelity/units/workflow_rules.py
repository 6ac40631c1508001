"""Which rules of the workflow read per-case results alone: those that a re-analysis runs.

Imports nothing heavy: Snakemake reads it each time it parses.
"""

from fidelity.figures.registry import FIGURES, WITH_IMAGES

# All others are left out of the workflow then, so that what they would write comes from the units.
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
# Other rules whose results and costs are in no unit.
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

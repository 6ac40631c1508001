"""Which rules of the workflow read per-case results alone: those that a re-analysis runs.

Imports nothing: Snakemake reads it each time it parses.
"""

# All others are left out of the workflow then, so that what they would write comes from the units.
RULES = (
    "reanalysis",
    "summarize",
    "compare",
    "without_twins",
    "ranks",
    "seeds",
    "layers",
    "stability",
    "mixed_model",
    "strata",
    "agreement",
    "evaluate",
    "verdict",
    "format_tables",
    "summarize_faithfulness",
    "compare_faithfulness",
    "summarize_sanity",
    "summarize_repeatability",
    "known_truth",
    "figure_curves",
    "figure_distributions",
    "figure_training",
    "figure_confusion",
    "figure_ranks",
    "figure_sensitivity",
    "figure_layers",
    "figure_sanity",
    "figure_faithfulness",
    "figure_lesion_size",
    "figure_agreement",
    "figure_known_truth",
)
# Other rules whose results and costs are in no unit.
BESIDE = (
    "explore",
    "export_chexlocalize",
    "export_masks_png",
    "figure_gallery",
    "provenance",
    "summary_over_datasets",
    "unit",
)

"""Table of how many cases of a data set are used."""

import pandas as pd

from fidelity.presentation import titles
from fidelity.presentation.wording import ABSENT
from fidelity.tables.layout import Table, lay_out


def cases_table(counts: pd.DataFrame, dataset: str) -> Table:
    """Lay out how many cases are used: one row per split.

    Returns:
        The table: used cases as n of N, unusable cases by cause, and cases that settings exclude.
    """
    rows = []
    for split, part in counts.groupby("split", sort=False):
        of = {
            status: [(row.cause, int(row.n)) for row in rows.itertuples()]
            for status, rows in part.groupby("status", sort=False)
        }
        used = sum(n for _, n in of.get("used", []))
        total = used + sum(n for _, n in of.get("unusable", []))
        cells = [
            "; ".join(f"{cause} ({n})" for cause, n in of.get(status, [])) or ABSENT
            for status in ("unusable", "excluded", "unscored")
        ]
        rows.append([str(split), f"{used} of {total}", *cells])
    header = ["Split", "Used", "Cannot be used", "Excluded by settings"]
    header += ["No reference, although its class is annotated"]
    shown = titles.dataset_title(dataset)
    return lay_out("cases", header, rows, 0, section="cases", file="cases", dataset=shown)

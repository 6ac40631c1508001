"""Average how far the explainers' masks agree with each other, for one classifier."""

from collections.abc import Sequence

import pandas as pd

from fidelity.analysis.checks.mask_agreement import agree
from fidelity.analysis.columns.checks import AGREEMENT_CASES
from fidelity.base.files import read_parquet
from fidelity.base.job_log import run_job
from fidelity.datasets.cases import read_cases


def main(
    pairs: Sequence[str],
    explainers: Sequence[str],
    cases: str,
    dataset: str,
    classifier: str,
    binarization: str,
) -> pd.DataFrame:
    """Return the content of agreement.csv for one classifier.

    Args:
        pairs: files of `agreement_cases` for this classifier and for the explainers without one.
        cases: cases.csv of the data set. The classes with masks in it are the annotated ones.
    """
    table = pd.concat([read_parquet(path, AGREEMENT_CASES.names) for path in pairs])
    used = set(table["case"])
    classes = {cls for case in read_cases(cases) if case.case in used for cls in case.annotated}
    classes |= set(table["class"])
    head = {"dataset": dataset, "classifier": classifier, "binarization": binarization}
    return agree(table, explainers, sorted(classes), head)


if __name__ == "__main__":
    run_job(main, snakemake)

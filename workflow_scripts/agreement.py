"""Compare the predicted masks of a classifier's explainers with each other."""

from collections.abc import Sequence

from fidelity.agreement import agree
from fidelity.datasets.cases import read_cases
from fidelity.files import write_csv
from fidelity.joblog import job_log
from fidelity.masks import read_masks


def main(
    masks: Sequence[str],
    explainers: Sequence[str],
    cases: str,
    dataset: str,
    classifier: str,
    binarization: str,
    output: str,
) -> None:
    """Write agreement.csv of one classifier.

    Args:
        masks: masks.json files.
        explainers: the explainer of each, in the order of the config.
        cases: cases.csv of the data set.
        dataset: key of the rows.
        classifier: key of the rows.
        binarization: key of the rows.
        output: the CSV to write.
    """
    found = {name: read_masks(path) for name, path in zip(explainers, masks, strict=True)}
    splits = {case.case: case.split for case in read_cases(cases)}
    head = {"dataset": dataset, "classifier": classifier, "binarization": binarization}
    write_csv(agree(found, splits, head), output)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            masks=snakemake.input.masks,
            explainers=snakemake.params.explainers,
            cases=snakemake.input.cases,
            dataset=snakemake.wildcards.dataset,
            classifier=snakemake.wildcards.classifier,
            binarization=snakemake.params.binarization,
            output=snakemake.output[0],
        )

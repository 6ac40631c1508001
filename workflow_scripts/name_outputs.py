"""Write the class names of a classifier's outputs, in the order of the network's outputs."""

import json

from fidelity.base.files import write_text
from fidelity.base.job_log import run_job
from fidelity.classifiers.evaluation.class_order import output_names


def main(model: str, output: str) -> None:
    """Write the list of names."""
    write_text(output, json.dumps(output_names(model), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    run_job(main, snakemake)

"""Rule list_prepared: one small file that stands for all prepared shards of a data set."""

from fidelity.base.job_log import run_job
from fidelity.datasets.prepared_list import write_list

if __name__ == "__main__":
    run_job(write_list, snakemake)

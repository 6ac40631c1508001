"""Rule list_prepared: write one small file that represents all prepared shards of a data set."""

from fidelity.base.job_log import run_job
from fidelity.datasets.prepared_list import write_list

if __name__ == "__main__":
    run_job(write_list, snakemake)

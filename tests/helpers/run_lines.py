"""The lines that a run may print: Snakemake's and the project's. Any other line is noise."""

import re

ALLOWED = (
    # Snakemake's lines before the first job.
    r"Using workflow specific profile \S+ for setting default command line arguments\.",
    r"Assuming unrestricted shared filesystem usage\.",
    r"SNAKEMAKE|=+|-+ +-+",
    r"  (Date|Workflow ID|Platform|Host|User|Snakemake version|Python version|Command|Snakefile"
    r"|Base directory|Run directory|Working directory|Config file\(s\)|Config MD5): .*",
    r"Building DAG of jobs\.\.\.",
    r"Using shell: .*|Provided cores: \d+.*|Rules claiming more threads will be scaled down\.",
    r"(Conda environments|Singularity containers): ignored",
    r"Job stats:|job +count|\w+ +\d+",
    # Snakemake's lines about jobs.
    r"Select jobs to execute\.\.\.|Execute \d+ jobs\.\.\.",
    r"\[\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\]",
    r"Job \d+: .+|Reason: .+|(local)?rule \w+:|    \w+: .*",
    r"Finished jobid: \d+ \(Rule: \w+\)|\d+ of \d+ steps \(\d+%\) done",
    r"DAG of jobs will be updated after completion\.|Updating checkpoint dependencies\.",
    r"Touching output file .+",
    r"Complete log\(s\): .+|Elapsed time: [\d:.]+",
    # Lines of the project's jobs (`fidelity.base.job_log`), and lines at the end of a run.
    r"\d\d:\d\d:\d\d (INFO|WARNING) .+",
    r"Open first: .+|Verdict: .+|One page with everything: .+",
)


# Snakemake writes a line and its end separately; a job's line can come in between.
JOB_LINE = re.compile(r"(?=\d\d:\d\d:\d\d (?:INFO|WARNING) )")


def foreign(printed: str) -> list[str]:
    """List the lines of a run's output that come from neither Snakemake nor the project."""
    allowed = re.compile("|".join(f"(?:{pattern})" for pattern in ALLOWED))
    lines = [part for line in printed.splitlines() for part in JOB_LINE.split(line)]
    return [line for line in lines if line.strip() and not allowed.fullmatch(line)]

"""The check of a run's output finds foreign lines, and allows lines that two writers mixed."""

from tests.helpers.run_lines import foreign


def test_a_jobs_line_may_follow_snakemakes_before_its_end():
    assert foreign("Execute 1 jobs...17:22:58 INFO epoch 1 is kept\n\n17:23:00 WARNING a") == []


def test_a_foreign_line_is_found_alone_and_before_a_jobs_line():
    assert foreign("a\nBuilding DAG of jobs...\nb17:22:58 INFO c") == ["a", "b"]

"""Explain the cases of a shard: targets, batches, resuming, failures."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fidelity.base.errors import InputError
from fidelity.base.files import content_hash
from fidelity.base.progress import Progress
from fidelity.datasets.prepared import PreparedShard
from fidelity.explainers.base import Context, Explain, Explanation, Task, explain_each
from fidelity.explainers.registry import method_of
from fidelity.explainers.unfinished_shards import PartialStore
from fidelity.maps.saliency_map import MapRecord, write_maps
from fidelity.settings.explainers import Explainer

if TYPE_CHECKING:  # null baselines need no torch, which takes four seconds to import
    from fidelity.classifiers.model import Classifier

log = logging.getLogger(__name__)

Predict = Callable[["Classifier", np.ndarray, int], np.ndarray]
"""Logits (n, classes) of images uint8 (n, H, W), computed in batches of a size."""


def explain_shard(
    prepared: Path,
    output: Path,
    settings: Explainer,
    context: Context,
    target: str,
    labels: dict[str, str],
    *,
    fingerprint: str,
    max_failed_cases: int,
    predict: Predict | None = None,
    name: str = "",
) -> None:
    """Compute the maps of one shard.

    A module may have `has_answer(task, settings)` next to `make`. Tasks for which it returns False
    get no record, and count neither as explained nor as failed.

    Args:
        context: the fingerprint includes the content of its file `fitted`.
        target: reference, predicted, or a model class.
        labels: source class → model class.
        fingerprint: of code, plugins, imported maps and weights. Together with the settings, it
            decides whether stored batches can be reused.
        max_failed_cases: failures allowed; failures of an earlier run are tried again.
        predict: computes the logits for the target `predicted`. It is an argument so that the code
            of null baselines does not depend on how a classifier predicts.
        name: what progress messages call the job; the method's name if empty.

    Raises:
        InputError: more than `max_failed_cases` cases failed; all others are kept for a rerun.
    """
    method = method_of(settings.method)
    by_case = method_of(getattr(settings, "of", settings).method).case_by_case
    batch = context.batch
    tasks = list(tasks_of([prepared], context.classifier, target, labels, batch, predict))
    module = method.implementation()
    asked = len(tasks)
    tasks = _answered(tasks, getattr(module, "has_answer", None), settings)
    explain = module.make(context, settings)
    fitted = "" if context.fitted is None else content_hash(context.fitted)
    store = PartialStore(
        output.parent / ".partial" / output.stem,
        # A case's digest covers only its files; how it was prepared is recorded in the shard.
        _fingerprint(
            fingerprint,
            content_hash(prepared),
            settings.model_dump(),
            target,
            context.seed,
            batch,
            by_case,
            fitted,
            tasks,
        ),
    )
    progress = Progress(name or settings.method, _cases(tasks))
    chunks = _chunks(tasks, batch, by_case)
    records = _explained(explain, tasks, chunks, context.classifier, store, progress)
    _check_failures(records, max_failed_cases, prepared)
    attrs = {"method": settings.method, "seed": str(context.seed), "unanswered": asked - len(tasks)}
    write_maps(output, records, attrs)
    store.clear()


def _explained(
    explain: Explain,
    tasks: Sequence[Task],
    chunks: Iterable[Sequence[Task]],
    classifier: "Classifier | None",
    store: PartialStore,
    progress: Progress,
) -> list[MapRecord]:
    """Compute and store the maps chunk by chunk; chunks stored by an earlier run are kept."""
    records: list[MapRecord] = []
    resumed = 0
    for index, chunk in enumerate(chunks):
        done = store.load(index)
        if done is None:
            done = _explain_batch(explain, chunk, classifier)
            store.save(index, done)
            progress.update(_cases(tasks[: len(records) + len(chunk)]), _cases(chunk))
        else:
            resumed += sum(record.status == "ok" for record in done)
            if any(record.status == "failed" for record in done):
                done = _retry_failed(done, explain, chunk, classifier)
                store.save(index, done)
        records += done
    if resumed:
        log.info("resumed: %d of %d maps already exist", resumed, len(tasks))
    return records


def _check_failures(records: Sequence[MapRecord], allowed: int, prepared: Path) -> None:
    """Raise InputError if more cases failed than the config allows."""
    failed = [record for record in records if record.status == "failed"]
    if len(failed) > allowed:
        raise InputError(
            f"{len(failed)} of {len(records)} cases failed, first {failed[0].case!r}: "
            f"{failed[0].reason}",
            file=prepared,
            field="explain.max_failed_cases",
            remedy="Fix the cause and rerun"
            if len(failed) == len(records)
            else f"Fix the cause, or allow at least {len(failed)}; finished maps are kept",
        )


def _chunks(tasks: Sequence[Task], batch: int, by_case: bool) -> list[Sequence[Task]]:
    """Split the tasks into chunks that are stored together: cases, or batches."""
    if by_case:
        return [list(part) for _, part in groupby(tasks, key=lambda task: task.case.case)]
    return [tasks[start : start + batch] for start in range(0, len(tasks), batch)]


def _cases(tasks: Sequence[Task]) -> int:
    return len({task.case.case for task in tasks})


def tasks_of(
    prepared: Iterable[str | Path],
    classifier: "Classifier | None",
    target: str,
    labels: dict[str, str],
    batch: int,
    predict: Predict | None = None,
) -> Iterator[Task]:
    """Yield the maps to compute, with one prepared shard in memory at a time; see `make_tasks`."""
    for path in prepared:
        with PreparedShard(path) as shard:
            cases = list(shard)
        yield from make_tasks(cases, classifier, target, labels, batch, predict)


def make_tasks(
    cases: Sequence,
    classifier: "Classifier | None",
    target: str,
    labels: dict[str, str],
    batch: int,
    predict: Predict | None = None,
) -> list[Task]:
    """List the maps to compute: one per case and annotated class in it.

    Args:
        cases: prepared cases; those without a reference mask are outside the cohort.
        classifier: gives the class order, and the prediction for target `predicted`.
        target: the rule; a map is scored on its reference whatever class it explains.
    """
    cohort = [case for case in cases if case.references]
    predicted: dict[str, int] = {}
    if classifier is not None and target == "predicted" and cohort:
        logits = predict(classifier, np.stack([case.image for case in cohort]), batch)
        predicted = {case.case: int(row.argmax()) for case, row in zip(cohort, logits, strict=True)}
    tasks = []
    for case in cohort:
        for cls in case.references:
            index = None
            if classifier is not None:
                index = (
                    predicted[case.case]
                    if target == "predicted"
                    else classifier.index_of(labels[cls] if target == "reference" else target)
                )
            tasks.append(Task(case, cls, index))
    return tasks


def _answered(
    tasks: list[Task],
    has_answer: Callable[[Task, dict[str, Any]], bool] | None,
    settings: Explainer,
) -> list[Task]:
    """Leave out tasks for which a method has no map, such as cases that were not read twice."""
    if has_answer is None:
        return tasks
    kept = [task for task in tasks if has_answer(task, settings)]
    if len(kept) < len(tasks):
        missing = len(tasks) - len(kept)
        log.info(
            "%s has no map for %d of the %d cases and classes", settings.method, missing, len(tasks)
        )
    return kept


def _explain_batch(
    explain: Explain, tasks: Sequence[Task], classifier: "Classifier | None"
) -> list[MapRecord]:
    started = time.perf_counter()
    explanations = explain_each(explain, tasks)
    seconds = (time.perf_counter() - started) / len(tasks)
    return [
        _record(task, explanation, classifier, seconds)
        for task, explanation in zip(tasks, explanations, strict=True)
    ]


def _retry_failed(
    done: Sequence[MapRecord],
    explain: Explain,
    tasks: Sequence[Task],
    classifier: "Classifier | None",
) -> list[MapRecord]:
    """Retry earlier failures: the cause may be fixed, or may have been the machine's."""
    return [
        record if record.status == "ok" else _explain_batch(explain, [task], classifier)[0]
        for record, task in zip(done, tasks, strict=True)
    ]


def _record(
    task: Task,
    explanation: Explanation | Exception,
    classifier: "Classifier | None",
    seconds: float,
) -> MapRecord:
    target = "" if task.target is None else classifier.classes[task.target]
    common = (task.case.case, task.cls, target)
    if isinstance(explanation, Exception):
        reason = f"{type(explanation).__name__}: {explanation}"
        return MapRecord(*common, "failed", reason, seconds)
    return MapRecord(*common, "ok", "", seconds, explanation.extras, explanation.map)


def _fingerprint(*parts: Any) -> str:
    """Hash what decides the maps; `max_failed_cases` does not, so a rerun may raise it."""
    *rest, tasks = parts
    text = json.dumps(
        [*rest, [(t.case.case, t.case.digest, t.cls, t.target) for t in tasks]], sort_keys=True
    )
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

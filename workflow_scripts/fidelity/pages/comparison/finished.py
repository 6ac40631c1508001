"""Find finished studies: the data sets below a folder that the user names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from fidelity.analysis.columns.localization import COMBO
from fidelity.base.errors import InputError
from fidelity.base.files import read_csv, read_json
from fidelity.explainers.registry import METHODS
from fidelity.presentation.titles import display
from fidelity.presentation.wording import listed
from fidelity.provenance import result_origins
from fidelity.settings import load
from fidelity.settings.closed_model import checked
from fidelity.settings.config import Config
from fidelity.settings.reading import read_yaml
from fidelity.study import paths
from fidelity.study.paths import NONE, below_results
from fidelity.study.study import Study

RECORD = Path(paths.PROVENANCE).name
SCORED = (Path(paths.SCORES).name, Path(paths.RANKING).name)


@dataclass(frozen=True)
class Finished:
    """One data set of a finished study.

    Attributes:
        side: "A" or "B".
        folder: of the data set.
        record: its provenance.json; a re-analysis has none, so only `dataset` and `config`.
        named: whether the user named this data set, rather than a folder of several.
        chosen: the classifier that the user named; empty for all.
    """

    side: str
    folder: Path
    record: Mapping[str, Any]
    named: bool = False
    chosen: str = ""

    def path(self, pattern: str, **names: str) -> Path:
        """Return the path of a result; the folders of results and data set may have new names."""
        below = below_results(pattern).format(dataset=self.folder.name, **names)
        return self.folder.parent / below

    @property
    def dataset(self) -> str:
        """Key of the data set."""
        return self.record["dataset"]

    @cached_property
    def study(self) -> Study | None:
        """The study's config; None if another version wrote keys that this version lacks."""
        # Not read by `load`: the record may name data sets of the run that are not in the study.
        try:
            return Study(checked(Config, self.record["config"]))
        except InputError:
            return None

    @property
    def config(self) -> Mapping[str, Any]:
        """The whole config with its defaults, as far as this version knows them."""
        return self.record["config"] if self.study is None else self.study.config.recorded()

    @property
    def titles(self) -> dict[str, Any]:
        """The arguments of `titles.showing`; only the families if the config is not known."""
        if self.study is not None:
            return display(self.study, self.dataset)
        methods = {key: entry.get("method") for key, entry in self.config["explainers"].items()}
        return {"families": {k: METHODS[m].family for k, m in methods.items() if m in METHODS}}

    @cached_property
    def combos(self) -> list[dict[str, str]]:
        """The combinations that were scored, in the order of localization.csv."""
        table = read_csv(
            self.path(paths.table("localization")), COMBO, dtype=str, keep_default_na=False
        )
        return table[COMBO].drop_duplicates().to_dict("records")

    @property
    def is_recorded(self) -> bool:
        """Whether the record is as new as the scores, as far as `made_of.json` shows this.

        A run with TARGETS, or a stopped run, may have computed scores without a new record.
        """
        listing = result_origins.read(self.path(paths.table("made_of", "json")))
        made: dict[str, list[float]] = {}
        for path, entry in (listing or {"results": {}})["results"].items():
            made.setdefault(Path(path).name, []).append(entry["made"])
        scored = [time for name in SCORED for time in made.get(name, ())]
        return max(scored, default=0) <= max(made.get(RECORD, ()), default=float("inf"))

    @property
    def classifiers(self) -> list[str]:
        """The classifiers to compare: the chosen one, or all; `none` in a study without any."""
        found = dict.fromkeys(combo["classifier"] for combo in self.combos)
        return [self.chosen] if self.chosen else [n for n in found if n != NONE] or [NONE]


def find(side: str, given: Path) -> list[Finished]:
    """Find the data sets below a folder.

    Args:
        given: a project, its folder `results`, the folder of a data set, or that of a classifier.

    Returns:
        The finished data sets that have scores; only one if the user named a data set.

    Raises:
        InputError: there is no such folder, or no finished study in it.
    """
    folder = given.resolve()
    if not folder.is_dir():
        raise InputError("the folder does not exist", file=given, field=side, remedy=_name(side))
    # The folder of a classifier is inside that of its data set.
    around = next((f for f in (folder, folder.parent) if _record(f) is not None), None)
    inner = folder / paths.RESULTS
    below = sorted((inner if inner.is_dir() else folder).iterdir())
    found = [
        Finished(side, path, record, named=around is not None)
        for path in ([around] if around else below)
        if (record := _record(path)) is not None
    ]
    if not found:
        raise InputError(
            f"contains no finished study: {RECORD} is neither in it nor in a folder directly"
            " below it",
            file=given,
            field=side,
            remedy=f"Finish the study with `make run`, or {_name(side, 'name')}",
        )
    scored = [one for one in found if one.path(paths.table("localization")).is_file()]
    if not scored:
        raise InputError(
            "has no scores of explanations: reference masks or tables are missing",
            file=given,
            field=side,
            remedy=_name(side),
        )
    if around in (None, folder):
        return scored
    if folder.name not in scored[0].classifiers:
        raise InputError(
            f"is neither a data set nor a classifier of {around.name!r}",
            file=given,
            field=side,
            remedy=f"Classifiers there: {listed(scored[0].classifiers)}",
        )
    return [replace(scored[0], chosen=folder.name)]


def pair(a: Sequence[Finished], b: Sequence[Finished]) -> list[tuple[Finished, Finished]]:
    """Pair the data sets of two studies: two that the user named, or else those with equal names.

    Raises:
        InputError: the studies have no data set in common, or are the same.
    """
    if a[0].named and b[0].named:
        found = [(a[0], b[0])]
    else:
        known = {one.dataset: one for one in b}
        found = [(one, known[one.dataset]) for one in a if one.dataset in known]
    if not found:
        raise InputError(
            f"the studies have no data set with the same name (A: {_names(a)}; B: {_names(b)})",
            field="A and B",
            remedy=_example(a[0], b[0]),
        )
    for one, other in found:
        if one.folder == other.folder and one.chosen == other.chosen:
            raise InputError(
                "is given as both A and B",
                file=one.folder,
                remedy="Name two studies, or two classifiers of one study: "
                f"A=results/{one.folder.name}/<classifier>",
            )
    return found


def pair_classifiers(a: Finished, b: Finished) -> list[tuple[str, str]]:
    """Pair the classifiers: those with equal names, or the only one of each study.

    Raises:
        InputError: it is not clear which classifiers to compare.
    """
    common = [name for name in a.classifiers if name in b.classifiers]
    if common:
        return [(name, name) for name in common]
    if len(a.classifiers) == len(b.classifiers) == 1:
        return [(a.classifiers[0], b.classifiers[0])]
    raise InputError(
        f"the studies have no classifier with the same name (A: {listed(a.classifiers)}; B:"
        f" {listed(b.classifiers)})",
        file=f"{a.folder} and {b.folder}",
        remedy=_example(a, b, f"/{a.classifiers[0]}", f"/{b.classifiers[0]}"),
    )


def _record(folder: Path) -> Mapping[str, Any] | None:
    """Read the provenance of a data set; None if the folder is not that of a finished one."""
    if not folder.is_dir():
        return None
    if (folder / RECORD).is_file():
        record = read_json(folder / RECORD)
        known = isinstance(record, dict) and isinstance(record.get("config"), dict)
        return record if known and "dataset" in record else None
    if not (folder.parent / Path(paths.RESTORED).name).is_file():
        return None
    for path in sorted(folder.parent.parent.glob("config*.yaml")):
        config = load(read_yaml(path), str(path), check_files=False)
        if folder.name in config.datasets:
            own = {"datasets": {folder.name: config.datasets[folder.name]}}
            return {
                "dataset": folder.name,
                "config": config.model_copy(update=own).recorded(),
            }
    return None


def _example(a: Finished, b: Finished, of_a: str = "", of_b: str = "") -> str:
    return f"Choose one of each study: A={a.folder}{of_a} B={b.folder}{of_b}"


def _names(found: Sequence[Finished]) -> str:
    return listed(one.dataset for one in found)


def _name(side: str, word: str = "Name") -> str:
    return f"{word} the results of a finished study: {side}=results or {side}=results/<data set>"

"""Write the explorer of a data set: the page, its code, and its data as script files."""

import base64
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from fidelity.base.errors import at_case
from fidelity.base.files import write_text
from fidelity.datasets.prepared import cases_in
from fidelity.figures.shared.drawn import PREDICTED, REFERENCE
from fidelity.figures.shared.readings import Line, lines_of, readings
from fidelity.maps.case_maps import explained_cases
from fidelity.masks.run_lengths import RLE, decode, read_masks
from fidelity.pages.explorer import STATIC, levels, thumbnails
from fidelity.pages.explorer.script_files import call
from fidelity.pages.explorer.shown_case import ShownCase, shown_case
from fidelity.pages.explorer.study_data import (
    Entry,
    Source,
    aligned,
    answers_of,
    scores_of,
    study_of,
)
from fidelity.presentation.page import render
from fidelity.presentation.titles import reader_title
from fidelity.presentation.wording import stratum_title
from fidelity.study import paths
from fidelity.study.paths import NONE

# In the order in which the page loads them.
MODULES = ("data", "measure", "state", "filters", "draw", "grid", "case", "plots", "controls")
# Name and label of the filters by a range of numbers.
RANGES = (("score", "Score of A"), ("gap", "A − B"), ("share", "Lesion, % of image"))


def build(
    folder: Path,
    prepared: Sequence[str],
    *,
    maps: Sequence[str],
    masks: Sequence[str],
    scores: Sequence[str],
    ranking: Sequence[str],
    settings: Mapping[str, Any],
    told: pd.DataFrame | None = None,
) -> None:
    """Write the explorer, with the current titles (`presentation.titles.showing`).

    Args:
        folder: of the page `index.html`; must be new.
        maps: of each source, one file per shard, in the order of `prepared`.
        masks: of each source, masks.json of each binarization.
        scores: of each source, scores.parquet of each binarization, of the default protocol.
        ranking: of each source, ranking.parquet; empty if the config requests no such metric.
        settings: contains

            - dataset (key), pairs (classifier and explainer of each source), classifiers (those
              in pairs, without `none`), other_references (see `stratify`; may be absent);
            - binarizations, metrics (including those of maps), metric and binarization (the primary
              ones), split (the judged one);
            - cases (a number, or `all`), images (whether they may be shown), thresholds (of the
              sweep), scoring_size, sign, lung, postprocess, empty (`scores.empty`).
    """
    data = folder / "data"
    (data / "cases").mkdir(parents=True)
    shutil.copytree(STATIC, folder / "app")
    files, total = _chosen(prepared, settings)
    readers = lines_of(
        name
        for case in cases_in(prepared)
        for cls in case.references
        for name in readings(case, cls)
    )
    entries = _write_cases(data, prepared, files, readers, settings)
    sources = [Source(*pair) for pair in settings["pairs"]]
    shards, rules = len(prepared), len(settings["binarizations"])
    for number, source in enumerate(sources):
        own = maps[number * shards : (number + 1) * shards]
        stored = masks[number * rules : (number + 1) * rules]
        _write_maps(data, number, source, own, prepared, stored, files, settings)
    tables = [[aligned(path, entries) for path in scores[rule::rules]] for rule in range(rules)]
    if ranking:
        tables.append([aligned(path, entries) for path in ranking])
    for index, of_rule in enumerate(tables):
        found = [scores_of(table, settings["metrics"]) for table in of_rule]
        write_text(data / f"scores-{index}.js", call("scores", index, found))
    answers = answers_of(sources, tables[0], settings.get("other_references", ()))
    study = study_of(entries, sources, answers, total, settings, told)
    write_text(data / "study.js", call("study", study))
    page = render(
        "explorer.html.j2",
        title=f"Explorer: {study['title']}{' (generated images)' * settings['generated']}",
        dataset=study["title"],
        generated=settings["generated"],
        modules=MODULES,
        ranges=RANGES,
        legend=[
            ("Reference", "blue", REFERENCE),
            *((reader_title(name), of.word, of.colour) for name, of in readers.items()),
            ("Predicted mask", "white", PREDICTED),
        ],
        strata=[(one["key"], stratum_title(one["key"])) for one in study["strata"]],
    )
    write_text(folder / Path(paths.EXPLORER_PAGE).name, page)


def _chosen(prepared: Sequence[str], settings: Mapping[str, Any]) -> tuple[dict[str, int], int]:
    """Choose the cases: first those of the judged split, spread evenly over their sorted ids.

    Returns:
        Case → number of its file, in the order of the shards; and the total number of cases.
    """
    found = {case.case: case.split for case in cases_in(prepared) if case.references}
    judged = sorted(case for case, split in found.items() if split == settings["split"])
    others = sorted(found.keys() - set(judged))
    number = len(found) if settings["cases"] == "all" else settings["cases"]
    chosen = set(_spread(judged, number))
    chosen |= set(_spread(others, number - len(chosen)))
    kept = [case for case in found if case in chosen]
    return {case: place for place, case in enumerate(kept)}, len(found)


def _spread(cases: list[str], number: int) -> list[str]:
    """Take at most `number` cases, spread evenly over the list."""
    if number >= len(cases):
        return cases
    return [cases[i * len(cases) // number] for i in range(number)]


def _write_cases(
    data: Path,
    prepared: Sequence[str],
    files: Mapping[str, int],
    readers: Mapping[str, Line],
    settings: Mapping[str, Any],
) -> list[Entry]:
    """Write the cases without their maps, and the thumbnails."""
    entries, drawn, sheets = [], [], 0
    for case in cases_in(prepared):
        if case.case not in files:
            continue
        shown = shown_case(case, settings["scoring_size"])
        number = files[case.case]
        for cls in sorted(case.references):
            entries.append(Entry(case.case, case.patient, case.split, cls, number))
            drawn.append(thumbnails.thumbnail(shown, cls, images=settings["images"]))
            if len(drawn) == thumbnails.PER_SHEET:
                _write_sheet(data, sheets, drawn)
                drawn, sheets = [], sheets + 1
        text = call("case", number, _about(shown, readers, images=settings["images"]))
        write_text(data / "cases" / f"{number}.js", text)
    if drawn:
        _write_sheet(data, sheets, drawn)
    return entries


def _write_sheet(data: Path, number: int, drawn: Sequence[np.ndarray]) -> None:
    (data / f"thumbnails-{number}.jpg").write_bytes(thumbnails.sheet(drawn))


def _about(case: ShownCase, readers: Mapping[str, Line], *, images: bool) -> dict[str, Any]:
    """Describe a case: frame, outlines and, where it may be shown, its image as PNG.

    The outline of the reference has an empty reader.
    """
    found = {
        "size": case.shown.size,
        "scored": case.scored.size,
        "box": case.shown.box,
        "outlines": [
            {
                "reader": name,
                "colour": readers[name].colour if name else REFERENCE,
                "class": cls,
                "bits": levels.packed_bits(drawn.reference(cls)),
                "kind": drawn.case.reference_kind(cls),
                "boxes": drawn.boxes(cls).round(2).tolist(),
            }
            for cls in sorted(case.case.references)
            for name, drawn in {
                "": case,
                **{r: replace(case, case=read) for r, read in readings(case.case, cls).items()},
            }.items()
        ],
    }
    if images:
        png = cv2.imencode(".png", case.image())[1].tobytes()
        found["image"] = base64.b64encode(png).decode("ascii")
    return found


def _write_maps(
    data: Path,
    number: int,
    source: Source,
    maps: Sequence[str],
    prepared: Sequence[str],
    masks: Sequence[str],
    files: Mapping[str, int],
    settings: Mapping[str, Any],
) -> None:
    """Append the maps and masks of a source to the files of the cases."""
    thresholds = levels.thresholds_of(settings["thresholds"])
    stored = [read_masks(path) for path in masks]
    with_classifier = source.classifier != NONE
    own = f"-{settings['classifiers'].index(source.classifier)}" if with_classifier else ""
    for case, record in explained_cases(maps, prepared):
        if case.case not in files or record.map is None or record.cls not in case.references:
            continue
        with at_case(case.case):
            shown = shown_case(case, settings["scoring_size"])
            map01 = shown.map01(record.map, settings["sign"], lung=settings["lung"])
            pixels = levels.levels_of(map01, thresholds)
            found = levels.packed_levels(pixels)
            found["masks"] = [
                _mask(by_case.get(case.case, {}).get(record.cls), shown, pixels, thresholds)
                for by_case in stored
            ]
        place = files[case.case]
        with open(data / "cases" / f"{place}{own}.js", "a", encoding="ascii") as file:
            file.write(call("map", place, number, record.cls, found))


def _mask(
    stored: RLE | None, case: ShownCase, pixels: np.ndarray, thresholds: np.ndarray
) -> list[object] | None:
    """Pack a stored mask; None if there is none."""
    if stored is None:
        return None
    return levels.packed_mask(pixels, case.mask(decode(stored)), len(thresholds))

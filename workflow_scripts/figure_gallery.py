"""Draw the overlay gallery of one classifier and binarization."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fidelity.base.files import read_parquet
from fidelity.base.job_log import job_log
from fidelity.datasets.prepared import PreparedCase, PreparedShard
from fidelity.datasets.prepared_list import listed
from fidelity.figures import gallery, style
from fidelity.maps.saliency_map import SaliencyMap, read_maps
from fidelity.masks.run_lengths import decode, read_masks


def main(
    prepared: Sequence[str],
    explainers: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    output: Sequence[str],
) -> None:
    """Choose best, median and worst cases and draw them.

    Args:
        prepared: prepared shards that hold the cases.
        explainers: per explainer {explainer, maps: [paths], masks: path, scores: path}.
        settings: gallery_cases (per group), gallery_by (explainer that orders them, None: the
            first), sign, scoring_size (`original` or `working`), dpi.
        output: .png and .pdf to write.
    """
    names = [entry["explainer"] for entry in explainers]
    by = settings.get("gallery_by")
    # An explainer that only exists for another classifier cannot order this gallery.
    by = by if by in names else names[0]
    scores = {entry["explainer"]: read_parquet(entry["scores"]) for entry in explainers}
    chosen = gallery.choose(scores[by], settings.get("gallery_cases", 2))
    wanted = {(case, cls) for _, case, cls in chosen}
    cases = _cases(prepared, {case for case, _ in wanted})
    panels: dict[tuple[str, str], dict[str, gallery.Panel]] = {pair: {} for pair in wanted}
    for entry in explainers:
        name = entry["explainer"]
        maps = _maps(entry["maps"], wanted)
        masks = read_masks(entry["masks"])
        iou = scores[name].set_index(["case", "class"])["iou"]
        for pair in sorted(wanted):
            case = cases[pair[0]]
            rle = masks.get(pair[0], {}).get(pair[1])
            mask = None if rle is None else _fit(decode(rle), case, settings)
            panels[pair][name] = gallery.Panel(
                _heat(maps.get(pair), case, settings), mask, float(iou.get(pair, np.nan))
            )
    rows = []
    for group, case_id, cls in chosen:
        case = cases[case_id]
        size, box = _frame(case)
        rows.append(
            gallery.Row(
                group,
                case_id,
                cls,
                gallery.place(case.image, box, size),
                gallery.place(decode(case.references[cls]), (0, 0, *size), size),
                panels[case_id, cls],
            )
        )
    drawn = gallery.draw(rows, names, by)
    style.save(drawn, output, settings.get("dpi", style.DPI))


def _cases(prepared: Sequence[str], wanted: set[str]) -> dict[str, PreparedCase]:
    found = {}
    for path in prepared:
        with PreparedShard(path) as shard:
            found.update({case.case: case for case in shard if case.case in wanted})
    return found


def _maps(
    paths: Sequence[str], wanted: set[tuple[str, str]]
) -> dict[tuple[str, str], SaliencyMap | None]:
    return {
        (record.case, record.cls): record.map
        for path in paths
        for record in read_maps(path)
        if (record.case, record.cls) in wanted
    }


def _frame(case: PreparedCase) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
    """Give the size of the panel and the box of the working image in it."""
    size = gallery.frame(case.native_size)
    return size, gallery.scaled_box(case.box, case.native_size, size)


def _heat(
    saliency: SaliencyMap | None, case: PreparedCase, settings: Mapping[str, Any]
) -> np.ndarray | None:
    if saliency is None:
        return None
    size, box = _frame(case)
    return gallery.heat_of(saliency, box, size, settings.get("sign", "positive"))


def _fit(mask: np.ndarray, case: PreparedCase, settings: Mapping[str, Any]) -> np.ndarray:
    """Bring a predicted mask from scoring size to the panel."""
    size, box = _frame(case)
    working = settings.get("scoring_size", "original") == "working"
    return gallery.place(mask, box if working else (0, 0, *size), size)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            prepared=listed(snakemake.input.prepared),
            explainers=snakemake.params.explainers,
            settings=snakemake.params.settings,
            output=[snakemake.output.png, snakemake.output.pdf],
        )

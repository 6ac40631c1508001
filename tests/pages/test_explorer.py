import base64
import json
import re
import zlib

import cv2
import numpy as np
import pytest

from fidelity.maps.pixel_frames import map_in_frame, reference_in_frame
from fidelity.maps.saliency_map import read_maps
from fidelity.masks.run_lengths import decode, encode, read_masks
from fidelity.metrics.conventions import PROTOCOLS
from fidelity.metrics.curves import SHARES, overlap_curves
from fidelity.pages.explorer import levels, thumbnails
from fidelity.pages.explorer.script_files import call
from fidelity.pages.explorer.shown_case import LARGEST, shown_case
from tests.helpers.small_explorer import RULES, SmallExplorer

GRID = levels.thresholds_of(101)
# Largest difference of live values (on reduced images) from exact ones; the page's help states it.
TOLERANCE = 0.02


def received(path):
    """Read a data file as JSON: [name, argument, …] of each call."""
    lines = path.read_text(encoding="ascii").splitlines()
    calls = [re.fullmatch(r"explorer\.receive\((.*)\);", line)[1] for line in lines]
    return [json.loads(f"[{text}]") for text in calls]


def unpacked(packed):
    """Reverse `levels.packed_bytes`."""
    return np.frombuffer(zlib.decompress(base64.b64decode(packed)), np.uint8)


def unpacked_levels(packed, size):
    values = unpacked(packed["data"]).reshape(size)
    return np.cumsum(values, axis=0, dtype=np.uint8) if packed["how"] == "rows" else values


def unpacked_mask(packed, found):
    k, bits = packed
    mask = found > k
    if bits:
        mask = mask ^ np.unpackbits(unpacked(bits))[: mask.size].reshape(mask.shape).astype(bool)
    return mask


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return SmallExplorer(tmp_path_factory.mktemp("small"), lungs=True).write()


@pytest.mark.parametrize("number", [2, 11, 101, 255, 256, 1001])
def test_levels_give_the_mask_of_every_threshold(number):
    grid = levels.thresholds_of(number)
    assert len(grid) <= levels.MOST
    assert set(grid) <= set(np.linspace(0, 1, number))
    rng = np.random.default_rng(number)
    values = rng.random((30, 40)).astype(np.float32)
    # Rounding would fail at ties with thresholds and at their neighbours.
    values[0], values[1] = 0, 1
    ties = rng.choice(grid, (9, 40)).astype(np.float32)
    values[2:11], values[11:20] = ties, np.nextafter(ties, np.float32(0))
    found = levels.levels_of(values, grid)
    for place, threshold in enumerate(grid):
        assert np.array_equal(found > place, values > np.float32(threshold))


def test_packed_levels_and_masks_come_back():
    rng = np.random.default_rng(0)
    smooth = cv2.GaussianBlur(rng.random((50, 60)).astype(np.float32), (0, 0), 6)
    for values in (smooth, rng.random((50, 60)).astype(np.float32), np.zeros((5, 6), np.float32)):
        found = levels.levels_of(values, GRID)
        packed = levels.packed_levels(found)
        assert np.array_equal(unpacked_levels(packed, found.shape), found)
        for mask in (values > 0.377, rng.random(values.shape) < 0.5, values < 2, values > 2):
            back = unpacked_mask(levels.packed_mask(found, mask, len(GRID)), found)
            assert np.array_equal(back, mask)


def test_a_mask_of_a_threshold_of_the_sweep_needs_no_pixels():
    values = np.random.default_rng(1).random((40, 40)).astype(np.float32)
    found = levels.levels_of(values, GRID)
    assert levels.packed_mask(found, values > np.float32(GRID[37]), len(GRID)) == [37, ""]


def test_stored_maps_give_the_curves_and_masks_of_the_study(small):
    """The page's own files give the scores at all thresholds, and the masks of all rules."""
    study = received(small.data / "study.js")[0][1]
    seen = 0
    for file in (small.data / "cases").iterdir():
        for name, number, *content in received(file):
            if name != "map":
                continue
            source, cls, packed = content
            case = study["entries"]["case"][study["entries"]["file"].index(number)]
            pair = small.pairs[source]
            found = unpacked_levels(packed, small.size)
            reference = decode(next(c for c in small.cases if c.case == case).references[cls])
            curve = small.curves(pair[1], pair[0]).loc[(case, cls)]
            for k in range(len(GRID)):
                tp = np.count_nonzero((found > k) & reference)
                either = np.count_nonzero((found > k) | reference)
                if reference.any() and (found > k).any():
                    assert curve["iou"].iloc[k] == tp / either
            for rule, mask in zip(RULES, packed["masks"], strict=True):
                stored = read_masks(small.part(pair, f"{rule}.json"))[case][cls]
                assert np.array_equal(unpacked_mask(mask, found), decode(stored))
            seen += 1
    # Eight cases and four sources. One case has two classes, and one map failed.
    assert seen == 9 * 4 - 1


def test_boxes_are_stored_beside_the_mask_that_they_fill(tmp_path):
    small = SmallExplorer(
        tmp_path, explainers={"lung": "binary"}, classifiers=(), boxed=True
    ).write()
    study = received(small.data / "study.js")[0][1]
    found = {}
    for file in (small.data / "cases").iterdir():
        for name, number, *content in received(file):
            if name == "case":
                case = study["entries"]["case"][study["entries"]["file"].index(number)]
                found |= {(case, one["class"]): one for one in content[0]["outlines"]}
    for case in small.cases:
        one = found[case.case, "COVID-19"]
        assert one["kind"] == "box"
        assert one["boxes"] == [list(box) for box in case.reference_boxes["COVID-19"]]
    assert found["case-2", "COVID-19"]["boxes"] == []
    # This class has only a mask.
    other = found["case-1", "Pneumonia"]
    assert (other["kind"], other["boxes"]) == ("mask", [])
    # A thumbnail shows the box as four straight lines.
    (case, *_) = small.cases
    shown = shown_case(case, "original")
    thumbnail = thumbnails.thumbnail(shown, "COVID-19", images=True)
    (box,) = case.reference_boxes["COVID-19"]
    scale = thumbnails.SIDE / max(shown.shown.size)
    top, left, bottom, right = (round(edge * scale) for edge in box)
    top += (thumbnails.SIDE - round(shown.shown.size[0] * scale)) // 2
    assert (thumbnail[top, left:right] == thumbnails.REFERENCE).all()
    assert (thumbnail[top + 2, left + 2 : right - 2] != thumbnails.REFERENCE).any(axis=1).all()


def test_readers_are_stored_beside_the_reference(tmp_path):
    small = SmallExplorer(
        tmp_path, explainers={"lung": "binary"}, classifiers=(), readers=("b", "a")
    ).write()
    (about,) = [
        content[0]
        for name, _, *content in received(small.data / "cases" / "0.js")
        if name == "case"
    ]
    case = small.cases[0]
    assert [one["reader"] for one in about["outlines"]] == ["", "a", "b"]
    assert len({one["colour"] for one in about["outlines"]}) == 3
    page = (small.folder / "explorer" / "index.html").read_text()
    for one in about["outlines"]:
        drawn = unpacked_mask((0, one["bits"]), np.zeros(small.size, int))
        own = case.readers.get(one["reader"], case.references)["COVID-19"]
        assert np.array_equal(drawn, decode(own))
        named = f"Reader {one['reader']}" if one["reader"] else "Reference"
        assert re.search(rf'fill="{one["colour"]}"/></svg>{named} \(', page)


def test_stored_scores_are_exact(small):
    study = received(small.data / "study.js")[0][1]
    names = [metric["key"] for metric in study["metrics"]]
    for index, rule in enumerate(RULES):
        ((_, _, by_source),) = received(small.data / f"scores-{index}.js")
        for pair, columns in zip(small.pairs, by_source, strict=True):
            table = small.scores(pair[1], rule, pair[0])
            for place, (case, cls) in enumerate(
                zip(study["entries"]["case"], study["entries"]["class"], strict=True)
            ):
                for name in ("iou", "precision", "hausdorff_full"):
                    shown = columns[names.index(name)][place]
                    expected = table.loc[(case, cls), name]
                    assert shown == expected or (np.isnan(shown) and np.isnan(expected))


def test_large_images_are_reduced_within_the_tolerance(tmp_path):
    size = (1500, 1240)
    study = SmallExplorer(tmp_path, names=[f"c{n}" for n in range(4)], size=size)
    assert study.prepared
    policy = PROTOCOLS["default"].empty
    worst = 0.0
    for number, case in enumerate(study.cases):
        shown = shown_case(case, "original")
        assert shown.reduced
        assert max(shown.shown.size) == LARGEST
        reference = reference_in_frame(case, "COVID-19", "original")
        if not reference.any():
            continue
        # Test a small lesion too, of 1 % of the image.
        small = np.zeros(size, bool)
        small[700:850, 300 : 300 + round(0.01 * 1500 * 1240 / 150)] = True
        for mask in (reference, small):
            for place, kind in enumerate(study.explainers.values()):
                saliency = study.saliency(kind, number, place)
                map01 = map_in_frame(saliency, case, "original", "positive")
                exact = overlap_curves(map01, mask, GRID, policy)
                reduced = shown.map01(saliency, "positive", lung=False)
                live = overlap_curves(reduced, shown.mask(mask), GRID, policy)
                # The precision of a mask of a few pixels depends on chance.
                area = np.array([np.mean(map01 > np.float32(t)) for t in GRID])
                for name in SHARES:
                    gap = np.abs(exact[name] - live[name])[(name != "precision") | (area > 0.01)]
                    worst = max(worst, gap.max(initial=0))
    assert 0 < worst < TOLERANCE


def test_without_images_no_pixel_is_in_any_file(tmp_path):
    """Two studies that differ only in the pixels of their images have the same explorers."""
    files = []
    for pixel in (0, 40):
        study = SmallExplorer(tmp_path / str(pixel), pixel=pixel, settings={"images": False})
        folder = study.write().folder / "explorer"
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        files.append({path.relative_to(folder): path.read_bytes() for path in paths})
    assert files[0] == files[1]
    assert "image" not in received(study.data / "cases" / "0.js")[0][2]


def test_with_images_the_image_is_that_of_the_shard(small):
    about = received(small.data / "cases" / "0.js")[0][2]
    png = np.frombuffer(base64.b64decode(about["image"]), np.uint8)
    assert np.array_equal(cv2.imdecode(png, cv2.IMREAD_GRAYSCALE), small.cases[0].image)


def test_a_number_of_cases_takes_the_judged_split_first(tmp_path):
    small = SmallExplorer(tmp_path, settings={"cases": 3}).write()
    study = received(small.data / "study.js")[0][1]
    assert study["cases"] == 8
    assert study["entries"]["split"] == ["test"] * 3
    assert study["entries"]["case"] == ["case-0", "case-2", "case-4"]
    more = SmallExplorer(tmp_path / "more", settings={"cases": 7}).write()
    entries = received(more.data / "study.js")[0][1]["entries"]
    assert len(set(entries["case"])) == 7
    assert set(entries["split"]) == {"test", "val"}


def test_data_files_hold_text_as_strings_alone():
    evil = "</script><script>alert(1)</script>\"');alert(1)//\u2028\n\\"
    line = call("study", {"a": [evil]}, float("nan"))
    assert line.isascii()
    assert line.count("\n") == 1
    assert "<" not in line
    text = line.removeprefix("explorer.receive(").removesuffix(");\n")
    assert json.loads(f"[{text}]")[1] == {"a": [evil]}


def test_the_page_allows_no_inline_code(small):
    page = (small.folder / "explorer" / "index.html").read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert "script-src 'self' file:;" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?! src=\"(app|data)/)", page)
    assert not re.search(r"https?://", page)


@pytest.mark.parametrize("generated", [True, False])
def test_the_page_states_that_its_images_are_generated(tmp_path, generated):
    study = SmallExplorer(tmp_path, names=["a", "b"], settings={"generated": generated}).write()
    page = (study.folder / "explorer" / "index.html").read_text()
    assert ("Explorer: small (generated images)</h1>" in page) == generated
    assert ("readers of small are generated. So its result shows nothing" in page) == generated


def test_the_page_is_offline_and_its_library_keeps_its_licence(small):
    app = small.folder / "explorer" / "app"
    assert "MIT" in (app / "vendor" / "LICENSE-chart.txt").read_text()
    own = [path.read_text() for path in app.glob("*.js")]
    assert sum(len(text.splitlines()) for text in own) < 1500
    for text in own:
        assert not re.search(
            r"\b(eval|innerHTML|outerHTML|insertAdjacentHTML|document\.write)\b", text
        )
        assert "http" not in text


def test_equal_studies_give_equal_bytes(tmp_path):
    first, second = (SmallExplorer(tmp_path / name).write() for name in ("a", "b"))
    for path in sorted(first.data.rglob("*.*")):
        assert path.read_bytes() == (second.data / path.relative_to(first.data)).read_bytes()


def test_failed_maps_are_left_out(small):
    calls = received(small.data / "cases" / "3-0.js")
    assert [content[2] for content in calls] == [0, 1]
    records = {r.case: r for path in small.maps(("net", "ig")) for r in read_maps(path)}
    assert records["case-3"].map is None


def test_masks_of_another_size_come_back(tmp_path):
    """Masks in the working frame have another size than native masks."""
    study = SmallExplorer(tmp_path)
    shown = shown_case(study.cases[0], "working")
    assert shown.shown.size == study.cases[0].image.shape
    assert encode(shown.reference("COVID-19"))["size"] == list(shown.shown.size)

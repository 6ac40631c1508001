"""Every control of the explorer in a browser: its effect equals an independently computed value."""

import cv2
import numpy as np
import pandas as pd
import pytest
from matplotlib import colormaps

from fidelity.analysis.strata import levels
from fidelity.maps.pixel_frames import map_in_frame
from fidelity.maps.saliency_map import read_maps
from fidelity.masks.run_lengths import decode, read_masks
from tests.helpers import browser
from tests.helpers.small_explorer import METRICS, RANKING, RULES, SmallExplorer

pytestmark = pytest.mark.skipif(browser.REASON is not None, reason=str(browser.REASON))

CLS = "COVID-19"
MAIN = ["iou", "dice", "precision", "recall"]
EVIL = [
    "</script><script>window.hacked=1;alert(1)</script>",
    '"><img src=x onerror="window.hacked=1;alert(1)">',
    "'); window.hacked=1; alert(1); ('",
    '=HYPERLINK("http://x")',
    "`${window.hacked=1}`\\",
]


@pytest.fixture(scope="module")
def chromium():
    with browser.running() as running:
        yield running


@pytest.fixture
def opened(chromium):
    """Return a function that opens a page. No page may have an error."""
    contexts, tabs = [], []

    def open_tab(address, width=1280, height=900):
        contexts.append(chromium.new_context(viewport={"width": width, "height": height}))
        tabs.append(browser.Tab(contexts[-1].new_page(), address))
        return tabs[-1]

    yield open_tab
    problems = [problem for tab in tabs for problem in tab.problems]
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    names = [f"case-{number:02d}" for number in range(16)]
    folder = tmp_path_factory.mktemp("small")
    return SmallExplorer(folder, names=names, classifiers=("net", "other")).write()


@pytest.fixture
def tab(opened, small):
    return opened(small.page)


def facts(small, a="lime", b="cam", rule="half", metric="iou", classifier="net"):
    """Compute the values for filters and sorting from the study's files, by case and class."""
    one, other = (small.scores(name, rule, classifier) for name in (a, b))
    table = pd.DataFrame({"a": one[metric], "b": other[metric]}).astype(float)
    own = small.scores("lime", "half", classifier)
    table["difference"] = table["a"] - table["b"]
    table["size"] = own["reference_area"] / own["image_area"]
    table["probability"] = own["probability"]
    table["correct"] = own["correct"].map({True: "right", False: "wrong"})
    table["split"] = own["split"]
    rows = own.reset_index().assign(classifier=classifier)
    strata = [levels(part, classifier) for _, part in rows.groupby("split")]
    return table.join(pd.concat(strata))


def same(found, table):
    assert len(found) == len(set(found))
    assert set(found) == set(table.index)


def rendered(small, explainer, case, cls=CLS, classifier="net"):
    """Render a map as the study does, and return it with its reference."""
    pair = small._pair(explainer, classifier)
    records = [r for path in small.maps(pair) for r in read_maps(path)]
    record = next(r for r in records if (r.case, r.cls) == (case, cls))
    prepared = next(c for c in small.cases if c.case == case)
    map01 = map_in_frame(record.map, prepared, "original", "positive")
    return map01, decode(prepared.references[cls])


def by_numpy(map01, reference, threshold):
    mask = map01 > np.float32(threshold)
    both = np.logical_and(mask, reference).sum()
    return {
        "iou": both / np.logical_or(mask, reference).sum(),
        "dice": 2 * both / (mask.sum() + reference.sum()),
        "precision": both / mask.sum(),
        "recall": both / reference.sum(),
    }


def pixels(tab, panel):
    """Return the content of a panel as RGB."""
    data = (
        tab.page.locator("#panels canvas")
        .nth(panel)
        .evaluate("c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)")
    )
    shape = tab.page.locator("#panels canvas").nth(panel).evaluate("c => [c.height, c.width]")
    return np.array(data, np.int64).reshape(*shape, 4)[..., :3]


# ---- the cases: sort, filter, selection ----


def test_the_first_view_shows_the_judged_split(tab, small):
    table = facts(small)
    same(tab.shown(), table[table["split"] == "test"])
    assert tab.page.locator("#count").inner_text() == f"{len(tab.shown())} of 17 cases with maps"
    text = tab.page.locator(".thumbnail").first.inner_text()
    row = table.loc[("case-00", CLS)]
    assert f"A {row['a']:.2f}" in text
    assert f"B {row['b']:.2f}" in text
    # No part of an id is cut off.
    assert tab.page.evaluate(
        """() => [...document.querySelectorAll(".name")].every(
          (name) => name.scrollWidth <= name.clientWidth && name.scrollHeight <= name.clientHeight
        )"""
    )


def test_ids_break_after_underscores(opened, tmp_path):
    long = "without" * 9
    tab = opened(SmallExplorer(tmp_path, names=["non_covid_test_00001", long]).write().page)
    tab.set("split", "")
    lines = tab.page.locator(".name").evaluate_all(
        """names => names.map((name) => {
          const lines = {};
          for (const node of name.childNodes) for (let i = 0; i < node.textContent.length; i++) {
            const range = new Range();
            range.setStart(node, i);
            range.setEnd(node, i + 1);
            const top = range.getBoundingClientRect().top;
            lines[top] = (lines[top] ?? "") + range;
          }
          return Object.values(lines);
        })"""
    )
    lines = [[part.replace("\u200b", "") for part in parts] for parts in lines]
    found = {"".join(parts): parts for parts in lines}
    *before, _ = found["non_covid_test_00001"]
    assert before
    assert all(part.endswith("_") for part in before)
    # A part that is too long may break anywhere.
    assert len(found[long]) > 2


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("correct", "correct", "wrong"),
        ("correct", "correct", "right"),
        ("confidence", "confidence", "low"),
        ("lesion_size", "lesion_size", "large"),
        ("split", "split", "val"),
    ],
)
def test_filters_by_a_word(tab, small, name, column, value):
    tab.set("split", "")
    tab.set(name, value)
    table = facts(small)
    expected = table[table[column] == value]
    assert 0 < len(expected) < len(table)
    same(tab.shown(), expected)


def test_filters_by_requested_strata(opened, tmp_path):
    names = [f"case-{number}" for number in range(8)]
    views = ["PA", "AP", "unknown", "PA"] * 2
    told = pd.DataFrame({"case": names, "class": CLS, "view": views, "sex": EVIL[0]})
    tab = opened(SmallExplorer(tmp_path, names=names, told=told).write().page)
    tab.set("split", "")
    assert tab.page.locator("#stratum-view option").all_inner_texts() == [
        *("Any", "PA", "AP", "Unknown"),
    ]
    tab.set("stratum-view", "AP")
    same(tab.shown(), told[told["view"] == "AP"].set_index(["case", "class"]))
    tab.set("stratum-sex", EVIL[0])
    assert len(tab.shown()) == 2
    tab.click("#reset")
    assert len(tab.shown()) == 9


def test_filters_by_class_and_text(tab, small):
    tab.set("class", "Pneumonia")
    assert tab.shown() == [("case-01", "Pneumonia")]
    tab.set("class", "")
    tab.set("text", "E-0")
    same(tab.shown(), facts(small).query("split == 'test'").loc["case-00":"case-09"])


@pytest.mark.parametrize(
    ("name", "column", "factor"),
    [("score", "a", 1), ("gap", "difference", 1), ("share", "size", 100)],
)
def test_filters_by_a_range(tab, small, name, column, factor):
    tab.set("split", "")
    table = facts(small)
    low, high = (round(float(v), 4) for v in (table[column] * factor).quantile([0.3, 0.7]))
    tab.set(f"{name}-from", low)
    same(tab.shown(), table[table[column] * factor >= low])
    tab.set(f"{name}-to", high)
    expected = table[(table[column] * factor >= low) & (table[column] * factor <= high)]
    assert 0 < len(expected) < len(table)
    same(tab.shown(), expected)
    tab.click("#reset")
    same(tab.shown(), table)


@pytest.mark.parametrize("key", ["a", "b", "difference", "size", "probability"])
@pytest.mark.parametrize("descending", [False, True])
def test_sorts(tab, small, key, descending):
    tab.set("split", "")
    tab.set("sort", key)
    tab.set("descending", descending)
    values = facts(small).loc[tab.shown(), key].to_numpy()
    known = values[~np.isnan(values)]
    assert np.isnan(values[len(known) :]).all()
    assert np.array_equal(known, np.sort(known)[:: -1 if descending else 1])


def test_compared_explainers_rule_metric_and_classifier(tab, small):
    tab.set("a", "ig")
    tab.set("b", "lung")
    tab.set("binarization", "otsu")
    tab.set("metric", "recall")
    tab.set("classifier", "other")
    tab.set("sort", "difference")
    table = facts(small, "ig", "lung", "otsu", "recall", "other")
    values = table.loc[tab.shown(), "difference"].dropna()
    assert len(values) > 5
    assert values.is_monotonic_increasing


def test_scores_of_maps_have_their_own_metrics(tab, small):
    tab.set("binarization", "none")
    options = tab.page.locator("#metric option").evaluate_all("all => all.map(o => o.value)")
    assert options == RANKING
    tab.set("metric", "roc_auc")
    tab.set("sort", "a")
    values = small.scores("lime", "ranking").loc[tab.shown(), "roc_auc"].dropna()
    assert values.is_monotonic_increasing
    tab.set("binarization", "half")
    assert tab.state()["metric"] in METRICS


def test_the_csv_holds_the_selection(tab, small, tmp_path):
    tab.set("split", "")
    tab.set("correct", "wrong")
    tab.set("sort", "a")
    path = tab.saved("#csv", tmp_path)
    rows = pd.read_csv(path)
    assert list(zip(rows["case"], rows["class"], strict=True)) == tab.shown()
    table = facts(small).loc[tab.shown()]
    assert rows["iou:lime"].tolist() == pytest.approx(table["a"].tolist(), abs=0, nan_ok=True)
    assert rows["difference"].tolist() == pytest.approx(table["difference"].tolist(), nan_ok=True)
    assert rows["probability"].tolist() == table["probability"].tolist()
    assert rows["lesion_share"].tolist() == pytest.approx(table["size"].tolist(), abs=1e-15)
    assert set(rows["binarization"]) == {"half"}


# ---- one case: thresholds, masks, scores ----


@pytest.mark.parametrize("k", [0, 13, 50, 77, 99, 100])
def test_the_threshold_slider_scores_as_numpy_and_the_sweep(tab, small, k):
    tab.open("case-04")
    tab.set("threshold", k)
    text = tab.page.locator('[data-explainer="lime"] .state').inner_text()
    # The bold values are not those of the rule that the toolbar names.
    assert text == f"Live values at threshold {k / 100:.2f}, not the stored scores of “half”"
    for explainer in ("lime", "cam", "ig", "lung"):
        found = tab.values(explainer)
        curve = small.curves(explainer).loc[("case-04", CLS)].iloc[k]
        for name in MAIN:
            assert found[name] == pytest.approx(curve[name], abs=1e-6)
        map01, reference = rendered(small, explainer, "case-04")
        if (map01 > np.float32(k / 100)).any():
            for name, value in by_numpy(map01, reference, np.linspace(0, 1, 101)[k]).items():
                assert found[name] == pytest.approx(value, abs=1e-12)


def test_an_empty_reference_has_no_overlap(tab, small):
    tab.open("case-02")
    tab.set("threshold", 20)
    assert np.isnan(list(tab.values("cam").values())).all()
    tab.set("threshold", 100)
    assert tab.values("cam") == dict.fromkeys(MAIN, 1.0)
    assert small.curves("cam").loc[("case-02", CLS), "recall"].iloc[100] == 1


def test_each_explainer_has_its_own_threshold_where_they_are_not_linked(tab, small):
    tab.open("case-05")
    tab.set("linked", False)
    sliders = tab.page.locator(".own input")
    for place, k in enumerate((10, 40, 60, 90)):
        sliders.nth(place).fill(str(k))
        tab.settle()
    for explainer, k in zip(("lime", "cam", "ig", "lung"), (10, 40, 60, 90), strict=True):
        curve = small.curves(explainer).loc[("case-05", CLS)].iloc[k]
        assert tab.values(explainer)["iou"] == pytest.approx(curve["iou"], abs=1e-6)
    tab.set("linked", True)
    curve = small.curves("lime").loc[("case-05", CLS)].iloc[50]
    assert tab.values("lime")["iou"] == pytest.approx(curve["iou"], abs=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_a_binarization_shows_its_stored_mask_and_scores(tab, small, rule):
    tab.open("case-06")
    tab.set("mask", rule)
    assert tab.page.locator(".state", has_text="Live values").count() == 0
    for number, pair in enumerate(small.pairs):
        if pair[0] == "other":
            continue
        stored = small.scores(pair[1], rule).loc[("case-06", CLS)]
        for name, value in tab.values(pair[1]).items():
            assert value == stored[name]
        panel = tab.page.locator(f'[data-explainer="{pair[1]}"]')
        cells = panel.locator("table td").evaluate_all(
            "all => all.map(c => [c.dataset.metric, c.dataset.value])"
        )
        assert {name: float(value) for name, value in cells} == stored[METRICS].to_dict()
        mask = tab.page.evaluate(
            """async ([source, rule]) => {
              const entry = explorer.entries.find((e) => e.case === "case-06");
              const found = await explorer.data.loadCase(entry.file, 0);
              return [...await explorer.data.storedMask(found, source, "COVID-19", rule)];
            }""",
            [number, list(RULES).index(rule)],
        )
        expected = decode(read_masks(small.part(pair, f"{rule}.json"))["case-06"][CLS])
        assert mask == expected.ravel().astype(int).tolist()


def test_explainers_of_the_panels_can_be_chosen(tab, small):
    tab.open("case-05")
    tab.page.locator("select.explainer").nth(0).select_option("ig")
    tab.page.locator("select.explainer").nth(2).select_option("")
    tab.settle()
    named = tab.page.locator(".panel").evaluate_all("all => all.map(p => p.dataset.explainer)")
    assert named[1:] == ["ig", "cam", "", "lung"]
    curve = small.curves("ig").loc[("case-05", CLS)].iloc[50]
    assert tab.values("ig")["dice"] == pytest.approx(curve["dice"], abs=1e-6)


def test_the_classifier_decides_the_maps(tab, small):
    tab.open("case-05")
    tab.set("classifier", "other")
    curve = small.curves("cam", "other").loc[("case-05", CLS)].iloc[50]
    assert tab.values("cam")["iou"] == pytest.approx(curve["iou"], abs=1e-6)
    assert curve["iou"] != small.curves("cam").loc[("case-05", CLS)].iloc[50]["iou"]


def test_a_failed_map_is_named(tab):
    tab.open("case-03")
    assert "no map" in tab.page.locator('[data-explainer="ig"]').inner_text()
    assert tab.values("ig") == {}
    assert len(tab.values("cam")) == 4


# ---- one case: how it is drawn ----


def plain(tab):
    """Switch off the contours, which would cover pixels."""
    tab.open("case-05")
    tab.set("reference", False)
    tab.set("predicted", False)


@pytest.mark.parametrize("colours", ["inferno", "viridis", "cividis", "gray"])
@pytest.mark.parametrize("opacity", [0, 0.3, 1])
def test_opacity_and_colours(tab, small, opacity, colours):
    plain(tab)
    tab.set("colours", colours)
    tab.set("opacity", opacity)
    ground, drawn = pixels(tab, 0), pixels(tab, 2)
    map01, _ = rendered(small, "cam", "case-05")
    level = np.searchsorted(np.linspace(0, 1, 101).astype(np.float32), map01) / 101
    rgb = colormaps[colours](np.round(255 * level).astype(int), bytes=True)[..., :3].astype(float)
    alpha = np.round(255 * opacity * np.minimum(1, 1.5 * level))[..., None] / 255
    scale = ground.shape[0] // map01.shape[0]
    large = [np.kron(part, np.ones((scale, scale, 1))) for part in (rgb, alpha)]
    expected = ground * (1 - large[1]) + large[0] * large[1]
    # A canvas stores colours multiplied by their opacity, as whole numbers.
    assert np.abs(drawn - expected).max() <= 4


@pytest.mark.parametrize(("window", "level"), [(255, 128), (100, 90), (40, 160)])
def test_window_and_level(tab, small, window, level):
    plain(tab)
    tab.set("window", window)
    tab.set("level", level)
    image = small.cases[5].image.astype(float)
    shown = np.clip(((image - level) / window + 0.5) * 255, 0, 255)
    drawn = pixels(tab, 0)[..., 0]
    large = cv2.resize(shown.astype(np.float32), drawn.shape[::-1], interpolation=cv2.INTER_LINEAR)
    # The browser chooses how it enlarges an image.
    assert drawn.mean() == pytest.approx(large.mean(), abs=2)
    assert np.corrcoef(drawn.ravel(), large.ravel())[0, 1] > 0.95


def test_contours_follow_the_masks(tab, small):
    plain(tab)
    tab.set("opacity", 0)
    before = pixels(tab, 2)
    tab.set("reference", True)
    changed = (pixels(tab, 2) != before).any(axis=2)
    map01, reference = rendered(small, "cam", "case-05")
    self_drawn(changed, reference)
    tab.set("reference", False)
    tab.set("predicted", True)
    tab.set("threshold", 40)
    self_drawn((pixels(tab, 2) != before).any(axis=2), map01 > np.float32(0.4))


def test_readers_are_told_apart(opened, tmp_path):
    small = SmallExplorer(
        tmp_path, explainers={"lung": "binary"}, classifiers=(), readers=("a", "b", "c")
    ).write()
    tab = opened(small.page)
    tab.open("case-0")
    legend = tab.page.locator("#legend li")
    assert legend.count() == 5
    colours = legend.locator("rect").evaluate_all(
        "all => all.map((one) => one.attributes.fill.value)"
    )
    # The image's panel has every line. The other panels have no lines of readers.
    wanted = [np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)]) for text in colours[1:4]]

    def there(panel):
        drawn = pixels(tab, panel)
        return [bool((drawn == colour).all(axis=2).any()) for colour in wanted]

    assert there(0) == [True] * 3
    assert there(1) == [False] * 3
    assert tab.saved("#png", tmp_path).is_file()
    tab.set("readers", False)
    assert there(0) == [False] * 3


def self_drawn(changed, mask):
    """Check that the changed pixels follow the whole edge of the mask and are nowhere else."""
    scale = changed.shape[0] // mask.shape[0]
    large = np.kron(mask, np.ones((scale, scale))).astype(np.uint8)
    padded = np.pad(large, 1)
    edge = cv2.morphologyEx(padded, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))[1:-1, 1:-1]
    assert changed[edge > 0].mean() > 0.95
    near = cv2.dilate(edge, np.ones((9, 9), np.uint8)) > 0
    assert not changed[~near].any()


def test_the_view_as_png(tab, tmp_path):
    tab.open("case-05")
    path = tab.saved("#png", tmp_path)
    assert path.name == "case-05.png"
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[1] == 16 + 5 * (420 + 16)
    # The third panel equals the one on the page.
    panel = pixels(tab, 2)[..., ::-1].astype(np.float32)
    left, top = 16 + 2 * 436, 2 * 16 + 3 * 22
    height = round(420 * panel.shape[0] / panel.shape[1])
    part = picture[top : top + height, left : left + 420].astype(np.float32)
    small = cv2.resize(panel, (420, height), interpolation=cv2.INTER_AREA)
    assert np.abs(part - small).mean() < 12


# ---- plots ----


def click_point(tab, chart, dataset, place):
    """Click a dot, and return its entry."""
    at = tab.page.evaluate(
        """([name, dataset, place]) => {
          const chart = explorer.plots.charts[name];
          const { x, y } = chart.getDatasetMeta(dataset).data[place];
          const box = chart.canvas.getBoundingClientRect();
          const point = chart.data.datasets[dataset].data[place];
          return [box.x + x, box.y + y, point.entry.case, point.entry.class, point.x, point.y];
        }""",
        [chart, dataset, place],
    )
    tab.page.mouse.click(at[0], at[1])
    # Chart.js responds in the next frame.
    tab.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    tab.settle()
    return at[2:]


def test_the_scatter_shows_the_selection_and_opens_a_case(tab, small):
    tab.set("correct", "right")
    tab.press("p")
    table = facts(small).query("split == 'test' and correct == 'right'").dropna(subset=["a", "b"])
    points = tab.page.evaluate(
        "explorer.plots.charts.scatter.data.datasets.flatMap((d) => d.data.filter((p) => p.entry)"
        ".map((p) => [p.entry.case, p.entry.class, p.x, p.y]))"
    )
    assert {(c, k): (x, y) for c, k, x, y in points} == {
        index: (row["a"], row["b"]) for index, row in table.iterrows()
    }
    case, cls, *_ = click_point(tab, "scatter", 0, 2)
    assert (tab.state()["view"], tab.state()["case"], tab.state()["of"]) == ("case", case, cls)
    assert tab.page.locator("#case-title").inner_text() == case


def test_the_distributions_show_all_explainers_and_open_a_case(tab, small):
    tab.press("p")
    medians = tab.page.evaluate("explorer.plots.charts.strips.data.datasets[0].data")
    table = facts(small).query("split == 'test'")
    for place, explainer in enumerate(("lime", "cam", "ig", "lung")):
        scores = small.scores(explainer, "half").loc[table.index, "iou"]
        assert medians[place]["x"] == pytest.approx(scores.median())
    case, cls, *_ = click_point(tab, "strips", 1, 5)
    assert (tab.state()["case"], tab.state()["of"]) == (case, cls)


# ---- keyboard, links ----


def test_the_keyboard(tab):
    tab.set("sort", "a")
    order = tab.shown()
    tab.open(order[0][0])
    tab.press("ArrowRight")
    tab.press("ArrowRight")
    assert tab.state()["case"] == order[2][0]
    tab.press("ArrowLeft")
    assert tab.state()["case"] == order[1][0]
    tab.press("]")
    tab.press("]")
    tab.press("[")
    assert tab.state()["threshold"] == 51
    for key, name in (("l", "linked"), ("r", "reference"), ("m", "predicted")):
        tab.press(key)
        assert tab.state()[name] is False
        assert not tab.page.locator(f"#{name}").is_checked()
    tab.press("Escape")
    assert tab.page.locator("#grid").is_visible()
    tab.press("p")
    assert tab.page.locator("#scatter").is_visible()
    tab.press("?")
    assert tab.page.locator("#help").is_visible()
    tab.click("#help button")
    tab.press("g")
    assert tab.state()["view"] == "cases"


def test_buttons_go_through_the_views_and_cases(tab):
    order = tab.shown()
    tab.open(order[3][0])
    tab.click("#next")
    assert tab.page.locator("#case-title").inner_text() == order[4][0]
    tab.click("#previous")
    assert tab.page.locator("#case-title").inner_text() == order[3][0]
    for view, inside in (("plots", "#strips"), ("cases", "#grid"), ("case", "#panels")):
        tab.click(f"[data-go={view}]")
        assert tab.page.locator(inside).is_visible()
    tab.click("#open-help")
    assert tab.page.locator("#help").is_visible()


def test_a_link_restores_everything(tab, opened):
    tab.set("correct", "right")
    tab.set("sort", "difference")
    tab.set("a", "ig")
    tab.open(tab.shown()[1][0])
    tab.set("linked", False)
    tab.page.locator(".own input").nth(1).fill("73")
    tab.settle()
    for name, value in (("opacity", 0.35), ("colours", "viridis"), ("window", 90), ("level", 70)):
        tab.set(name, value)
    tab.set("predicted", False)
    tab.page.locator("select.explainer").nth(3).select_option("ig")
    tab.settle()
    again = opened(tab.page.evaluate("location.href"))
    assert again.state() == tab.state()
    assert again.values("cam") == tab.values("cam")
    assert np.array_equal(pixels(again, 3), pixels(tab, 3))
    again.press("Escape")
    tab.press("Escape")
    assert again.shown() == tab.shown()


def test_copy_link_gives_the_address(tab):
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.set("sort", "b")
    tab.click("#copy-link")
    # The browser writes to the clipboard in the background; then the message appears.
    tab.page.locator("#message:text-is('Link copied')").wait_for()
    assert tab.page.evaluate("navigator.clipboard.readText()") == tab.page.url
    assert "sort=b" in tab.page.url


def test_the_browsers_back_returns_to_the_cases(tab):
    tab.open("case-05")
    tab.page.go_back()
    tab.settle()
    assert tab.state()["view"] == "cases"
    assert tab.page.locator("#grid").is_visible()


def test_an_address_of_nonsense_falls_back_to_what_is_known(opened, small):
    page = f"{small.page}#view=x&classifier=y&metric=__proto__&a=z&threshold=1e9&opacity=NaN"
    tab = opened(page)
    assert len(tab.shown()) == 13
    tab.open("case-05")
    assert tab.page.locator("#threshold-value").inner_text() == "1.00"


# ---- small, large, hostile, incomplete ----


def test_nothing_of_a_name_is_executed(opened, tmp_path):
    """Case ids, titles of explainers and the address contain code, which is shown as text."""
    study = SmallExplorer(
        tmp_path,
        names=EVIL,
        explainers={"lime": "superpixels", "cam": "grid"},
        titles={"lime": EVIL[0], "cam": EVIL[1]},
    ).write()
    tab = opened(study.page)
    tab.set("split", "")
    found = tab.page.locator(".thumbnail .name").all_text_contents()
    assert sorted(found) == sorted([*EVIL, EVIL[1]])
    for name in EVIL:
        tab.open(name)
        assert tab.page.locator("#case-title").text_content() == name
        assert len(tab.values("lime")) == 4
    tab.press("p")
    assert EVIL[0][:20] in tab.page.locator("#scatter-title").text_content()
    rows = pd.read_csv(tab.saved("#csv", tmp_path), dtype=str)
    assert set(rows["case"]) == {"'" + name if name[0] == "=" else name for name in EVIL}
    other = opened(f"{study.page}#case={EVIL[1].replace('#', '')}&view=case&of={EVIL[0]}")
    for page in (tab.page, other.page):
        assert page.evaluate("window.hacked") is None
        assert page.locator("img").count() == 0


def test_three_cases_one_explainer_no_classifier_no_lungs(opened, tmp_path):
    study = SmallExplorer(
        tmp_path, names=["a", "b", "c"], explainers={"only": "binary"}, classifiers=()
    ).write()
    tab = opened(study.page)
    assert not tab.page.locator("#classifier").is_visible()
    assert not tab.page.locator("#correct").is_visible()
    assert len(tab.shown()) == 4
    tab.open("a")
    assert tab.page.locator(".panel").count() == 2
    assert tab.values("only")["iou"] == study.scores("only", "half").loc[("a", CLS), "iou"]
    tab.press("p")
    assert tab.page.locator("#scatter").is_visible()


def test_twenty_explainers_with_long_names(opened, tmp_path):
    explainers = {f"explainer_{n}": ("grid", "superpixels")[n % 2] for n in range(20)}
    titles = {key: f"An explainer whose name is rather long, number {key}" for key in explainers}
    names = [f"a-case-with-an-id-that-is-longer-than-most-others-{n}" * 2 for n in range(3)]
    study = SmallExplorer(tmp_path, names=names, explainers=explainers, titles=titles).write()
    for width, height in ((1280, 900), (820, 1180)):
        tab = opened(study.page, width, height)
        for view in ("cases", "plots", "case"):
            tab.click(f"[data-go={view}]") if view != "case" else tab.open(names[0])
            wide = tab.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0
        assert tab.page.locator(".panel").count() == 5
        tab.page.locator("select.explainer").nth(0).select_option("explainer_19")
        tab.settle()
        curve = study.curves("explainer_19").loc[(names[0], CLS)].iloc[50]
        assert tab.values("explainer_19")["iou"] == pytest.approx(curve["iou"], abs=1e-6)


def test_without_images_maps_and_scores_stay(opened, tmp_path):
    study = SmallExplorer(tmp_path, settings={"images": False}).write()
    tab = opened(study.page)
    tab.open("case-4")
    assert not tab.page.locator("#window").is_visible()
    assert tab.page.locator(".panel .head").first.inner_text() == "Reference"
    curve = study.curves("cam").loc[("case-4", CLS)].iloc[50]
    assert tab.values("cam")["iou"] == pytest.approx(curve["iou"], abs=1e-6)


def test_values_of_reduced_images_are_marked(opened, tmp_path):
    study = SmallExplorer(tmp_path, names=["a", "b", "c"], size=(900, 700)).write()
    tab = opened(study.page)
    tab.open("a")
    for explainer in ("cam", "lime"):
        texts = tab.page.locator(f'[data-explainer="{explainer}"] dd').all_text_contents()
        assert all(text.startswith("≈ ") for text in texts)
        curve = study.curves(explainer).loc[("a", CLS)].iloc[50]
        assert tab.values(explainer)["iou"] == pytest.approx(curve["iou"], abs=0.02)
    assert "a smaller image than" in tab.page.locator("#case-note").inner_text()
    tab.set("mask", "otsu")
    texts = tab.page.locator('[data-explainer="cam"] dd').all_text_contents()
    assert not any("≈" in text for text in texts)
    assert tab.values("cam")["iou"] == study.scores("cam", "otsu").loc[("a", CLS), "iou"]


def test_missing_files_are_named(chromium, tmp_path):
    study = SmallExplorer(tmp_path, names=["a", "b", "c"]).write()
    (study.data / "cases" / "0.js").unlink()
    page = chromium.new_page()
    tab = browser.Tab(page, study.page)
    tab.open("a")
    assert page.locator("#case-title").inner_text() == "The data of a are missing"
    tab.open("b")
    assert len(tab.values("cam")) == 4
    (study.data / "study.js").unlink()
    page.goto(study.page)
    page.reload()
    page.wait_for_selector("#message:not(:empty)")
    assert "data/study.js is missing" in page.locator("#message").inner_text()
    page.close()


def test_all_controls_have_names(tab):
    """Each control has a text for assistive technology."""
    tab.open("case-05")
    unnamed = tab.page.evaluate(
        """[...document.querySelectorAll("button, input, select, canvas")].filter((one) =>
          !(one.labels?.[0]?.textContent || one.textContent || "").trim() &&
          !one.getAttribute("aria-label") && one.id !== "scatter" && one.id !== "strips"
        ).map((one) => one.outerHTML)"""
    )
    assert unnamed == []

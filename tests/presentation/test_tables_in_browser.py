"""Wide and long tables in a browser: every column can be reached."""

import pytest

from fidelity.presentation.page import render
from fidelity.tables.layout import Table
from tests.helpers import browser

pytestmark = pytest.mark.skipif(browser.REASON is not None, reason=str(browser.REASON))

WIDTH, HEIGHT = 1300, 800
# Corners of the box, its header, first cells and heading, relative to the window.
PLACES = """box => {
  box.scrollIntoView();
  box.scrollTo(300, 500);
  const place = (element) => element.getBoundingClientRect();
  const rows = [...box.querySelectorAll("tbody td:first-child")].map((cell) => place(cell).left);
  return {
    box: place(box),
    header: place(box.querySelector("th")),
    first: Math.min(...rows),
    heading: place(box.querySelector(".rule span")).left,
    scrolled: [box.scrollLeft, box.scrollTop],
  };
}"""


@pytest.mark.parametrize("template", ["tables", "provenance"])
def test_a_wide_long_table_takes_the_window_and_its_scroll_bars_are_in_sight(template, tmp_path):
    header = ["Method", *(f"Metric {n}" for n in range(20))]
    rows = [[f"Method {row}", *["0.123 [0.100, 0.200]"] * 20] for row in range(100)]
    table = Table("Long", header, rows, 20, {0: "All classes"}, section="main")
    page_file = tmp_path / "page.html"
    text = render(f"{template}.html.j2", tables=[table], dataset="d")
    page_file.write_text(text, encoding="utf-8")
    with browser.running() as chromium:
        page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(page_file.as_uri())
        found = page.locator(".scroll").evaluate(PLACES)
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    box, header = found["box"], found["header"]
    assert wider <= 0
    assert box["width"] > 0.9 * WIDTH
    assert 0 <= box["top"] < box["bottom"] <= HEIGHT
    assert found["scrolled"] == [300, 500]
    # The header, the names and the headings of groups stay visible.
    assert header["top"] == pytest.approx(box["top"], abs=1)
    assert header["left"] == pytest.approx(box["left"], abs=1)
    assert found["first"] == pytest.approx(box["left"], abs=1)
    assert box["left"] <= found["heading"] < box["left"] + 20

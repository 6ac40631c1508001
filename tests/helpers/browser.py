"""Drive Debian's Chromium with Playwright, for tests of pages."""

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")


def _missing() -> str | None:
    if importlib.util.find_spec("playwright") is None:
        return "Playwright is not installed"
    return None if PROGRAM else "there is no Chromium: apt-get install chromium"


# The reason why no browser can be used here; None if one can be used.
REASON = _missing()


class Tab:
    """A page of the explorer. It records what must not occur: errors, dialogs, network requests."""

    def __init__(self, page: Any, address: str) -> None:
        """Open the address and wait until the whole page is shown."""
        self.page = page
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda m: m.type == "error" and self.problems.append(m.text))
        page.on("dialog", lambda dialog: (self.problems.append("dialog"), dialog.dismiss()))
        page.on("request", self._requested)
        page.goto(address)
        self.settle()

    def _requested(self, request: Any) -> None:
        if not request.url.startswith(("file:", "blob:", "data:")):
            self.problems.append(request.url)

    def settle(self) -> "Tab":
        """Wait until the page shows the state that is set."""
        self.page.evaluate(
            """async () => {
              const shown = () => document.body.dataset.ready;
              const set = () => JSON.stringify(explorer.state.get());
              for (let i = 0; i < 1000 && shown() !== set(); i += 1) {
                await new Promise((done) => setTimeout(done, 10));
              }
            }"""
        )
        return self

    def set(self, name: str, value: Any) -> None:
        """Use a control as a user does: choose, tick, type or slide."""
        control = self.page.locator(f"#{name}")
        if isinstance(value, bool):
            control.set_checked(value)
        elif control.evaluate("c => c.tagName") == "SELECT":
            control.select_option(str(value))
        else:
            control.fill(str(value))
        self.settle()

    def press(self, key: str) -> None:
        """Press a key outside of any field."""
        self.page.evaluate("document.activeElement.blur()")
        self.page.keyboard.press(key)
        self.settle()

    def click(self, selector: str) -> None:
        """Click an element."""
        self.page.locator(selector).click()
        self.settle()

    def state(self) -> dict[str, Any]:
        """Return the page's state: the value of every control."""
        return self.page.evaluate("explorer.state.get()")

    def shown(self) -> list[tuple[str, str]]:
        """List the case and class of each thumbnail."""
        entries = self.page.evaluate("explorer.entries.map((e) => [e.case, e.class])")
        numbers = self.page.locator(".thumbnail").evaluate_all(
            "all => all.map(b => b.dataset.entry)"
        )
        return [tuple(entries[int(number)]) for number in numbers]

    def open(self, case: str, cls: str = "COVID-19") -> None:
        """Open a case by its thumbnail."""
        self.press("g")
        place = self.shown().index((case, cls))
        self.page.locator(".thumbnail").nth(place).click()
        self.settle()

    def values(self, explainer: str) -> dict[str, float]:
        """Read the four scores below a panel."""
        cells = self.page.locator(f'[data-explainer="{explainer}"] dd')
        pairs = cells.evaluate_all("all => all.map(c => [c.dataset.metric, c.dataset.value])")
        return {name: float(value) for name, value in pairs}

    def saved(self, selector: str, folder: Path) -> Path:
        """Click an element that saves a file, and return the file's path."""
        with self.page.expect_download() as waited:
            self.page.locator(selector).click()
        path = folder / waited.value.suggested_filename
        waited.value.save_as(path)
        return path


@contextmanager
def running() -> Iterator[Any]:
    """Start the browser, and close it at the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        # The sandbox does not work for root in a container.
        browser = driver.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        yield browser
        browser.close()

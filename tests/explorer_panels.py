"""The explorer's page as tests use it: the page of the explorer's own points, and its panels by their names."""

import json
import math
from pathlib import Path
from typing import Any

from browsing import Visit

from roughntk.explorer import explorer_page


def write_page(file: Path) -> Path:
    """Write the page of the explorer's own points."""
    file.write_text(explorer_page(), encoding="utf-8")
    return file


class Panel:
    """A panel of the page that is open."""

    def __init__(self, visit: Visit, name: str) -> None:
        self.visit, self.page = visit, visit.page
        self.section = visit.page.locator(f"[data-panel={name}]")
        self._one = f"[data-panel={name}] "

    def set(self, name: str, value: float) -> None:
        """Give a slider a value, not only one of its positions, and wait for what follows."""
        self.page.evaluate(
            """([one, value]) => { const input = document.querySelector(one);
                input.dataset.exact = value; input.dispatchEvent(new Event("input", { bubbles: true })); }""",
            [f"{self._one}input[data-name={name}]", "Infinity" if value == math.inf else repr(float(value))],
        )
        self.visit.settle()

    def choose(self, name: str, value: str) -> None:
        """Choose an option, and wait for what follows."""
        self.section.locator(f"select[data-name={name}]").select_option(value)
        self.visit.settle()

    def values(self) -> dict[str, float]:
        """What every readout of the panel that has a number says, with all digits."""
        found = self.page.evaluate(
            """one => [...document.querySelectorAll(one)].filter(each => each.checkVisibility())
                .map(each => [each.dataset.readout, each.dataset.value])""",
            f"{self._one}[data-readout][data-value]",
        )
        return {name: float(value.replace("Infinity", "inf")) for name, value in found}

    def text(self, name: str) -> str:
        """What a readout says."""
        return self.section.locator(f"[data-readout={name}]").inner_text()

    def error(self, name: str) -> float:
        """The error that a readout states."""
        return float(self.section.locator(f"[data-readout={name}]").get_attribute("data-error"))

    def slider(self, name: str) -> float:
        """The value of a slider."""
        return float(self.section.locator(f"input[data-name={name}]").get_attribute("data-value"))

    def state(self) -> dict[str, Any]:
        """What the panel of depth computes with."""
        return json.loads(self.section.locator("[data-state]").get_attribute("data-state"))

    def handle(self, name: str) -> Any:
        """Something that can be dragged."""
        return self.section.locator(f"[data-handle={name}]")

    def middle(self, name: str) -> tuple[float, float]:
        """Where the middle of something that can be dragged is in the window, scrolled into it."""
        self.handle(name).evaluate("node => node.scrollIntoView({ block: 'center' })")
        box = self.handle(name).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


__all__ = ["Panel", "write_page"]

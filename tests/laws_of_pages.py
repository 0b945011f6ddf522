"""The laws of a page: each gives one line for every violation, none for a page that keeps it.

They hold of every page that the package or the site makes; `Visit` is that of browsing.py.
"""

from pathlib import Path

from axe_core import axe, contrast
from browsing import NARROW, WIDE, Visit

_MEASURED = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


def _measured(visit: Visit, law: str) -> list[str]:
    return visit.page.evaluate(_MEASURED, law)


def quiet(visit: Visit) -> list[str]:
    """Nothing on the console that is an error, no script that failed, no request for anything but the page."""
    errors = [f"error: {text}" for text in visit.errors]
    return errors + [f"request: {address[:120]}" for address in dict.fromkeys(visit.requests)]


def no_overlap(visit: Visit) -> list[str]:
    """No two texts on top of each other, nor a text and a control; by their ink, to a pixel."""
    return _measured(visit, "overlaps")


def no_wider_than_the_window(visit: Visit) -> list[str]:
    """The page scrolls down only. What is too wide scrolls in a box of its own."""
    return _measured(visit, "wide")


def images_are_there(visit: Visit) -> list[str]:
    """Every image is loaded, has its width and height, so that nothing jumps, and an alternative text."""
    return _measured(visit, "images")


def well_formed(visit: Visit) -> list[str]:
    """One h1, no level of headings left out, a language, a title, a viewport, no id used twice."""
    return _measured(visit, "structure")


def focus_is_visible(visit: Visit) -> list[str]:
    """Every control can have the focus and shows it."""
    return _measured(visit, "focus")


def tab_reaches_everything(visit: Visit) -> list[str]:
    """The key Tab goes once through all controls."""
    count = visit.page.evaluate(_MEASURED, "controls")
    visit.page.evaluate("() => { document.activeElement?.blur(); window.__reached = new Set(); scrollTo(0, 0); }")
    for _ in range(count + 2):  # it may begin in the middle, and goes through the window's own controls
        visit.page.keyboard.press("Tab")
        visit.page.evaluate("() => { window.__reached.add(document.activeElement); }")
    reached = visit.page.evaluate("() => { const n = window.__reached; n.delete(document.body); return n.size; }")
    return [] if reached >= count else [f"the key Tab reaches {reached} of {count} controls"]


NARROW_RULES = ("scrollable-region-focusable", "button-name", "link-name", "label")
"""Rules of axe-core whose answer may be another on a phone."""
LAYOUT = (no_overlap, no_wider_than_the_window)
ONCE = (images_are_there, well_formed, focus_is_visible)


def violations(visit: Visit, source: str | None, kinds: dict[str, set[str]] | None = None) -> list[str]:
    """All laws, for the page that is open: the layout at every size, and axe-core, given its source, light and dark.

    `kinds` keeps, for each scheme, which kinds of text were looked at on earlier pages of the same site.
    """
    found = []
    for size in (WIDE, NARROW):
        visit.size(size)
        found += [f"{size[0]} px: {line}" for law in LAYOUT for line in law(visit)]
        if source is not None:
            found += [f"{size[0]} px: {line}" for line in axe(visit, source, () if size == WIDE else NARROW_RULES)]
    for scheme in ("light", "dark") if source is not None else ():
        visit.page.emulate_media(color_scheme=scheme)
        visit.settle()
        known = None if kinds is None else kinds.setdefault(scheme, set())
        found += [f"{scheme}: {line}" for line in contrast(visit, source, known)]
    visit.page.emulate_media(color_scheme="light")
    found += [line for law in ONCE for line in law(visit)]
    return found + quiet(visit)

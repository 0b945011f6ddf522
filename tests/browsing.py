"""A page in the system's Chromium, with what went wrong on it: errors, and requests for anything but itself.

Used by tests, by docs/check_pages.py and by benchmarks/explorer.py.
"""

import contextlib
import importlib.util
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDE, NARROW = (1280, 900), (390, 844)
"""Pixels of the window: of a laptop and of a phone."""

OTHER_NAME = "another-name.test"
"""A name that leads to this machine, as one does that a page of somebody else has."""

# What is not this machine is behind a proxy that does not exist: no request leaves, whatever a page asks for.
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--no-first-run",
    "--disable-quic",
    "--proxy-server=127.0.0.1:9",
    f"--proxy-bypass-list={OTHER_NAME}",
    f"--host-resolver-rules=MAP {OTHER_NAME} 127.0.0.1",
    "--hide-scrollbars",
    "--font-render-hinting=none",
)


def chromium() -> str | None:
    """Where Chromium is: ROUGHNTK_CHROMIUM, or the first on PATH of its usual names."""
    given = os.environ.get("ROUGHNTK_CHROMIUM")
    return shutil.which(given) if given else next(filter(None, map(shutil.which, NAMES)), None)


def missing() -> str | None:
    """Why no page can be loaded here, with what to install; None where one can."""
    if importlib.util.find_spec("playwright") is None:
        return "no browser tests: the Python package playwright is missing; run `pip install 'roughntk[dev]'`"
    if chromium() is None:
        given = os.environ.get("ROUGHNTK_CHROMIUM")
        where = f"{given!r} of ROUGHNTK_CHROMIUM is no program" if given else f"none of {', '.join(NAMES)} is on PATH"
        return f"no browser tests: {where}; run `apt-get install chromium`, or set ROUGHNTK_CHROMIUM to a Chromium"
    return None


@contextlib.contextmanager
def browser(arguments: Sequence[str] = ()) -> Iterator[Any]:
    """Chromium, started by Playwright and closed at the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS, *arguments])
        try:
            yield started
        finally:
            started.close()


@dataclass
class Visit:
    """A page, the errors of its console and scripts, and the requests for other things than `allowed`."""

    page: Any
    allowed: tuple[str, ...] = ()
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    cdp: Any = None

    def open(self, where: str | Path) -> "Visit":
        """Load a file, or an address on this machine, and wait for its fonts; requests below `allowed` are its own.

        A file's own request is the file alone. Of an address, everything on its host is.
        """
        address = where.resolve().as_uri() if isinstance(where, Path) else where
        own = address if address.startswith("file:") else "/".join(address.split("/")[:3]) + "/"
        self.allowed = (own, "data:", "blob:", "about:")
        self.errors.clear()
        self.requests.clear()
        self.page.goto(address, wait_until="load")
        self.page.evaluate("document.fonts.ready.then(() => null)")
        return self

    def size(self, size: tuple[int, int]) -> "Visit":
        """Another size of the window, with the page laid out and painted in it."""
        if self.page.viewport_size != {"width": size[0], "height": size[1]}:
            self.page.set_viewport_size({"width": size[0], "height": size[1]})
            self.settle()
        return self

    def settle(self) -> None:
        """Wait until what was changed is painted."""
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(null))))")

    def run(self, source: str) -> None:
        """Run a script in the page whatever its content security policy says."""
        self.cdp = self.cdp or self.page.context.new_cdp_session(self.page)
        found = self.cdp.send("Runtime.evaluate", {"expression": source})
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"]))


@contextlib.contextmanager
def visit(started: Any, size: tuple[int, int] = WIDE, **settings: Any) -> Iterator[Visit]:
    """A new page of `size` in a context of its own; settings are those of Playwright's `new_context`."""
    settings = {
        "viewport": {"width": size[0], "height": size[1]},
        "color_scheme": "light",
        "locale": "en-GB",
    } | settings
    context = started.new_context(**settings)
    try:
        page = context.new_page()
        page.set_default_timeout(20_000)
        seen = Visit(page)

        def asked(request: Any) -> None:
            if not request.url.startswith(seen.allowed):
                seen.requests.append(request.url)

        def said(message: Any) -> None:
            if message.type == "error":
                seen.errors.append(f"{message.text} ({message.location.get('url', '')})")

        page.on("request", asked)
        page.on("websocket", lambda socket: seen.requests.append(socket.url))
        page.on("console", said)
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        yield seen
    finally:
        context.close()

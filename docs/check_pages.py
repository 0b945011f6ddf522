"""Holds every page of a built site to the laws of pages, in a real browser: tests/laws_of_pages.py says which they are.

python docs/check_pages.py [SITE] [--only PART]...

Each page is loaded once from a server on the loopback interface, looked at on a laptop (1280 px) and a phone (390 px),
and given to axe-core, light and dark; the contrast of texts of the same colours, size and weight on a few pages only.
Every violation is one line, with the pages that have it; the exit code is 1 where there is one. Where no Chromium or no
axe-core can be had, a line says what is left out.
"""

import argparse
import functools
import http.server
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import axe_core  # noqa: E402
import browsing  # noqa: E402
import laws_of_pages  # noqa: E402

SHOWN = 3
"""Pages that are named with a violation."""


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing is logged."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of the folder, on this machine only."""
    handler = functools.partial(_Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def pages(folder: Path, only: Sequence[str]) -> list[str]:
    """The names of the pages, relative to the folder; of those with one of `only` in the name, if any is given."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    return [name for name in names if not only or any(part in name for part in only)]


def checked(folder: Path, names: Sequence[str], source: str | None) -> dict[str, list[str]]:
    """For every violation the pages that have it."""
    found: dict[str, list[str]] = {}
    kinds: dict[str, set[str]] = {}
    with (
        served(folder) as address,
        browsing.browser() as started,
        browsing.visit(started, reduced_motion="reduce") as visit,
    ):
        for name in names:
            visit.size(browsing.WIDE).open(address + name)
            for line in laws_of_pages.violations(visit, source, kinds):
                found.setdefault(line.replace(address, ""), []).append(name)
    return found


def main() -> int:
    """Check the pages; 1 where a law is broken."""
    parser = argparse.ArgumentParser(description="Hold every page of a built site to the laws of pages.")
    parser.add_argument("site", nargs="?", default=str(ROOT / "site"), help="folder of the built site")
    parser.add_argument("--only", action="append", default=[], help="pages with this in their name; may be repeated")
    given = parser.parse_args()
    folder = Path(given.site)
    names = pages(folder, given.only)
    if not names:
        print(f"pages: expected pages in {folder}, got none; build the site first: make site")
        return 1
    reason = browsing.missing()
    if reason is not None:
        print(f"pages: left out, {reason}")
        return 0
    source = None
    try:
        source = axe_core.axe_source()
    except axe_core.NoAxe as error:
        print(f"pages: without axe-core, {error}")
    begun = time.monotonic()
    found = checked(folder, names, source)
    for line, where in found.items():
        more = f" and {len(where) - SHOWN} more" if len(where) > SHOWN else ""
        print(f"{', '.join(where[:SHOWN])}{more}: {line}")
    took = time.monotonic() - begun
    print(f"pages: {len(names)} looked at in {took:.0f} s, {len(found)} different violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""One Chromium for the tests of this folder, a page whenever one is asked for, axe-core; skipped where none can be had."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_core
import browsing
import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Not for longer than this folder: while Playwright runs, nothing else in the process can run an event loop."""
    reason = browsing.missing()
    if reason is not None:
        pytest.skip(reason)
    with browsing.browser() as started:
        yield started


@pytest.fixture(scope="module")
def visit(browser: Any) -> Iterator[browsing.Visit]:
    """A page that the tests of a file share."""
    with browsing.visit(browser) as seen:
        yield seen


@pytest.fixture(scope="session")
def axe_source() -> str:
    try:
        return axe_core.axe_source()
    except axe_core.NoAxe as error:
        pytest.skip(str(error))

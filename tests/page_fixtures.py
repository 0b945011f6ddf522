"""Fixtures of tests that load a page: Chromium, a page, axe-core. Where one cannot be had, the test is skipped."""

from collections.abc import Iterator
from typing import Any

import axe_core
import browsing
import pytest


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, for one file: while Playwright runs, nothing else in the process can run an event loop."""
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
    """The script of axe-core."""
    try:
        return axe_core.axe_source()
    except axe_core.NoAxe as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def axe_if_there() -> str | None:
    """The script of axe-core, or None: the other laws hold without it, and are looked at without it."""
    try:
        return axe_core.axe_source()
    except axe_core.NoAxe:
        return None


__all__ = ["axe_if_there", "axe_source", "browser", "visit"]

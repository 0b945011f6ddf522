"""Certificates are tested where python-flint is installed, as it is with the extra [dev]."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def python_flint():
    return pytest.importorskip("flint")

"""What the tests of rough paths share: two free GiB, so that what is refused for its size is so on every machine."""

import pytest

from roughntk._checks import capacity


@pytest.fixture(autouse=True)
def two_gibibytes_are_free(monkeypatch):
    monkeypatch.setattr(capacity, "available_memory", lambda: 2.0**31 / 0.9)

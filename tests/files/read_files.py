"""Reading a table that a test has written, as a path and as points, and refusing it."""

from pathlib import Path

import pytest

import roughntk as rn
from roughntk.files import paths as path_files
from roughntk.files.tables import Reading
from roughntk.study.data import load


def read(content, name="a.csv", times=None, **how):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return path_files.read_path(name, times, Reading(**how))


def refused(match, content, name="a.csv", **how):
    with pytest.raises(rn.InputError, match=match) as caught:
        read(content, name, **how)
    assert str(caught.value).startswith("expected ")
    return str(caught.value)


def points(data, **settings):
    return load(data, **{"points": 4, "test_points": 2, "seed": 0} | settings)

"""Output folders with anything in them: what the program did not write is there afterwards, unchanged."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from shares import cases

import roughntk as rn
from roughntk.files import folders

NAMES = st.sampled_from(["study.json", "report.html", "figures", "tables", "photo.txt", ".hidden", "raw", "data.csv"])
FILES = st.lists(
    st.tuples(st.lists(NAMES, min_size=1, max_size=3), st.sampled_from(["", "{}", "mine", '{"version": "0.1.0"}'])),
    max_size=4,
)


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_report(out, text):
    with folders.replacing(out) as folder:
        for name in ("figures/errors.png", "tables/depths.csv", "report.html"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        (folder / folders.MARK).write_text(text)


def put(out, files):
    """Write the files that can be written; returns those that now hold something foreign."""
    foreign = {}
    for parts, text in files:
        path = out.joinpath(*parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        except OSError:  # a file where a folder is needed, or the reverse
            continue
        foreign[str(path.relative_to(out))] = text.encode()
    return foreign


@cases("folders")
@given(files=FILES, first=st.booleans())
def test_no_foreign_file_is_lost(files, first):
    with tempfile.TemporaryDirectory() as below:
        out = Path(below) / "out"
        if first:
            write_report(out, "old")
        own = content(out) if first else {}
        foreign = put(out, files)
        before = content(out) if out.exists() else {}
        added = {name for name in foreign if name not in own}
        try:
            write_report(out, "new")
        except rn.InputError as error:
            assert content(out) == before
            assert "--out" in str(error)
            return
        assert not added  # whatever else was there, it was not replaced in silence
        assert set(content(out)) >= {"figures/errors.png", "tables/depths.csv", "report.html"}

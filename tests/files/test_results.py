"""A single file as the target of a result: it is replaced whole, and what is no file stays what it is."""

import os
import socket
import stat
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

import roughntk as rn
from roughntk import cli
from roughntk.files import results

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def taken_for(monkeypatch, name, kind):
    """The file of that name counts as a device of this kind, so that no real one is touched."""
    plain, is_file = Path.stat, Path.is_file

    def stat_of(self, **options):
        found = plain(self, **options)
        return os.stat_result((kind | 0o666, *found[1:])) if self.name == name else found

    monkeypatch.setattr(Path, "stat", stat_of)
    monkeypatch.setattr(Path, "is_file", lambda self: self.name != name and is_file(self))


def read_in_background(name):
    """What comes out of a pipe, once somebody has written it."""
    found = []
    reader = threading.Thread(target=lambda: found.append(Path(name).read_bytes()), daemon=True)
    reader.start()
    return found, reader


@needs_pipes
@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_is_written_into_and_stays_a_pipe(linked):
    os.mkfifo("o.csv")
    if linked:
        Path("link.csv").symlink_to("o.csv")
    Path("path.csv").write_text("0\n1\n3\n")
    found, reader = read_in_background("o.csv")
    result = CliRunner().invoke(cli.app, ["signature", "path.csv", "--out", "link.csv" if linked else "o.csv"])
    assert result.exit_code == 0, result.output
    assert stat.S_ISFIFO(os.lstat("o.csv").st_mode)
    reader.join(60)
    result = CliRunner().invoke(cli.app, ["signature", "path.csv", "--out", "plain.csv"])
    assert result.exit_code == 0 and found == [Path("plain.csv").read_bytes()]


@needs_pipes
def test_a_pipe_takes_more_than_it_holds(here):
    os.mkfifo("o.npy")
    found, reader = read_in_background("o.npy")
    content = os.urandom(10**6)  # a pipe holds 64 KiB on most systems
    results.write(Path("o.npy"), content)
    reader.join(60)
    assert found == [content]


@needs_pipes
def test_a_pipe_whose_reader_leaves_is_an_error_and_stays():
    os.mkfifo("o.npy")
    reader = threading.Thread(target=lambda: os.close(os.open("o.npy", os.O_RDONLY)), daemon=True)
    reader.start()
    with pytest.raises(rn.InputError, match="can be written, got o.npy"):
        results.write(Path("o.npy"), bytes(10**6))
    reader.join(60)
    assert stat.S_ISFIFO(os.lstat("o.npy").st_mode)


def test_a_device_is_opened_and_never_replaced(monkeypatch):
    device = Path("null.csv")
    device.write_text("")
    number = os.stat(device).st_ino
    with monkeypatch.context() as patch:
        taken_for(patch, "null.csv", stat.S_IFCHR)
        assert results.check_target("null.csv", "--out", [".csv"], []) == device
        results.write(device, b"1\n")
    assert os.stat("null.csv").st_ino == number and [path.name for path in Path().iterdir()] == ["null.csv"]


def test_a_link_is_followed_and_stays():
    Path("below").mkdir()
    Path("below/real.csv").write_text("old")
    Path("o.csv").symlink_to("below/real.csv")
    results.write(Path("o.csv"), b"new")
    assert Path("o.csv").is_symlink() and Path("below/real.csv").read_text() == "new"
    assert [path.name for path in Path("below").iterdir()] == ["real.csv"]


@pytest.mark.parametrize("kind", ["dangling link", "circle", "disk", "socket"])
def test_what_cannot_take_a_result_is_refused_before_any_work(kind, monkeypatch):
    if kind == "disk":
        Path("o.csv").touch()
        taken_for(monkeypatch, "o.csv", stat.S_IFBLK)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as open_socket:
            open_socket.bind("o.csv")
    else:
        Path("o.csv").symlink_to("nowhere" if kind == "dangling link" else "o.csv")
    with pytest.raises(rn.InputError, match="expected --out to name a file, a pipe or a terminal, got o.csv"):
        results.check_target("o.csv", "--out", [".csv"], [])

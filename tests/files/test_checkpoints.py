"""What is kept of a computation: the same bits, saved in time, of this problem only, and never half a file."""

import dataclasses
import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import roughntk as rn
from roughntk.files import checkpoints, manifest
from roughntk.files.checkpoints import Checkpoint, Problem
from roughntk.files.packed import digest, pack, unpack

ROOT = Path(rn.__file__).parent.parent
PROBLEM = Problem({"points": "20", "data": "d" * 64}, {"processor": "this"})


class Pair(NamedTuple):
    left: float
    right: np.ndarray


@dataclasses.dataclass(frozen=True)
class Found:
    pair: Pair
    note: str


VALUES = [
    None, True, 7, 10**30, "\N{GREEK SMALL LETTER PSI}", 0.1, -0.0, float("inf"), [1.5, (2.5, [])],
    {2: {"a": 0.1}, 2.5: ()}, np.float64(0.1), np.float32(0.1), np.bool_(True), np.array(["a", "bcd"]),
    np.zeros((0, 3)), np.array(0.3), np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1),
    np.asfortranarray(np.arange(12.0).reshape(4, 3) / 7),
    np.frombuffer(bytes([1, 0, 0, 0, 0, 0, 0xF8, 0x7F]), dtype=np.float64),
    Found(Pair(1 / 3, np.arange(3)), "note"),
]  # fmt: skip


def same(a, b):
    """Of the same type, with the same bits, and arrays with the same order in memory."""
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and (a.strides == b.strides or not a.size) and a.tobytes() == b.tobytes()
    if isinstance(a, np.generic):
        return type(a) is type(b) and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, Found):
        return type(a) is type(b) and same(a.pair, b.pair) and a.note == b.note
    return type(a) is type(b) and repr(a) == repr(b)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "kept"


class Clock:
    """Seconds as they are set."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def opened(folder, problem=PROBLEM, **more):
    return Checkpoint(folder, problem, ("first", "second"), kinds=(Pair, Found), **more)


def saved(folder, values=VALUES):
    """A checkpoint whose first section is finished."""
    with opened(folder) as checkpoint:
        section = checkpoint.section("first")
        section.kept("values", lambda: values)
        section.finish()
    return folder / "first.npz"


def never():
    raise AssertionError("computed again")


def test_results_come_back_with_the_same_bits(folder):
    saved(folder)
    with opened(folder) as checkpoint:
        assert checkpoint.done == {"first"} and checkpoint.begun == {} and not checkpoint.moved
        values = checkpoint.section("first").kept("values", never)
    for value, back in zip(VALUES, values, strict=True):
        assert same(value, back), value


def test_what_cannot_be_kept_is_no_pickle():
    for value in (object(), {1, 2}, np.array([object()]), Found(Pair(1.0, np.zeros(1)), ""), 1j):
        with pytest.raises(TypeError, match="no way to pack"):
            pack(value)
    packed = pack(Pair(1.0, np.zeros(1)), (Pair,))
    with pytest.raises(KeyError):
        unpack(packed.tree, packed.arrays)


def test_the_hash_is_of_bytes_types_and_shapes():
    one = np.arange(6.0)
    others = [one.reshape(2, 3), one.astype(np.float32), one + 1e-300, one.view(np.int64), [one], -one, 0.0, -0.0]
    assert digest(one) == digest(one.copy()) and len({digest(each) for each in (one, *others)}) == 1 + len(others)


def test_a_section_is_saved_every_thirty_seconds_and_when_it_is_finished(folder):
    clock, file = Clock(), folder / "first.npz"
    with opened(folder, clock=clock) as checkpoint:
        section = checkpoint.section("first")
        for step in range(3):
            clock.now += 14.0
            section.kept(f"step {step}", lambda step=step: step)
            section.offer("state", lambda: clock.now)
            assert file.exists() is (step == 2)
    with opened(folder, clock=clock) as checkpoint:
        assert checkpoint.begun == {"first": 3} and checkpoint.done == set()
        section = checkpoint.section("first")
        assert [section.kept(f"step {step}", never) for step in range(3)] == [0, 1, 2]
        assert section.seconds == 42.0 and section.recall("state") is None  # the step had just been saved
        clock.now += 31.0
        section.offer("state", lambda: np.arange(2.0))
        section.kept("step 3", lambda: 3)
    with opened(folder, clock=clock) as checkpoint:
        section = checkpoint.section("first")
        assert same(section.recall("state"), np.arange(2.0))
        assert section.kept("step 3", lambda: "computed again, as it had not been saved") != 3
        section.drop("state")
        section.finish()
    with opened(folder) as checkpoint:
        assert checkpoint.section("first").recall("state") is None


def test_a_checkpoint_of_another_problem_says_what_differs_and_is_kept(folder):
    before = saved(folder).read_bytes()
    other = Problem({"points": "40", "data": "e" * 64, "version of numpy": "9"}, {"processor": "other"})
    with pytest.raises(rn.InputError) as caught:
        opened(folder, other)
    assert "it differs in points (20 there, 40 here), data, version of numpy (nothing there, 9 here); " in str(
        caught.value
    )
    assert f"remove {folder}" in str(caught.value) and (folder / "first.npz").read_bytes() == before
    with opened(folder, Problem(PROBLEM.parts, {"processor": "other"})) as checkpoint:  # its last digits may differ
        assert checkpoint.moved and checkpoint.done == {"first"}


@pytest.mark.parametrize(
    "damage",
    [lambda data: b"", lambda data: data[:20], lambda data: data[:-1], lambda data: data + b"\0",
     lambda data: data[:64] + bytes([data[64] ^ 1]) + data[65:], lambda data: data[:-1] + bytes([data[-1] ^ 128])],
    ids=["empty", "nearly empty", "a byte less", "a byte more", "a flipped bit", "a flipped bit at the end"],
)  # fmt: skip
def test_a_damaged_file_is_named_and_left(folder, damage):
    file = saved(folder)
    file.write_bytes(damage(file.read_bytes()))
    before = {path: path.read_bytes() for path in folder.iterdir() if path.name != checkpoints.LOCK}
    with pytest.raises(
        rn.InputError, match=f"got {file}, which is damaged or not whole; remove that file, .* or choose"
    ):
        opened(folder)
    assert {path: path.read_bytes() for path in before} == before and set(folder.iterdir()) >= set(before)
    file.unlink()
    with opened(folder) as checkpoint:
        assert checkpoint.done == set()


def test_a_full_disk_loses_nothing_that_was_saved_and_stops_nothing(folder, monkeypatch):
    clock = Clock()
    file = saved(folder, ["old"])
    with opened(folder, clock=clock) as checkpoint:
        section = checkpoint.section("second")

        def full(stream, **arrays):
            stream.write(b"half of it")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(np, "savez", full)
            clock.now = 31.0
            with pytest.warns(
                RuntimeWarning, match=r"second cannot be saved in .*kept \(No space left on device\): the"
            ):
                section.kept("step", lambda: 1)
            clock.now = 62.0
            section.kept("another", lambda: 2)  # no second warning
            section.finish()
            assert sorted(path.name for path in folder.iterdir()) == [manifest.NAME, file.name, checkpoints.LOCK]
        last = checkpoint.section("first")
        last.kept("more", lambda: 3)
        checkpoint.save(last)  # there is room again: what was not saved is
    with opened(folder) as checkpoint:
        assert checkpoint.done == {"second"}
        section = checkpoint.section("second")
        assert (section.kept("step", never), section.kept("another", never)) == (1, 2)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of the size of files")
def test_a_file_that_the_system_refuses_to_grow_is_as_a_full_disk(folder):
    """A real refusal, in the midst of the archive."""
    script = (
        "import resource, sys, warnings, numpy as np\nfrom roughntk.files.checkpoints import Checkpoint, Problem\n"
        "with Checkpoint(sys.argv[1], Problem({}), ['one', 'two']) as kept:\n"
        "    one = kept.section('one')\n    one.kept('a', lambda: np.zeros(10))\n    one.finish()\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "    two = kept.section('two')\n    two.kept('a', lambda: np.zeros(10000))\n    two.finish()\n"
        "with Checkpoint(sys.argv[1], Problem({}), ['one', 'two']) as kept:\n    print(kept.done)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "{'one'}\n" and "two cannot be saved" in done.stderr and "File too large" in done.stderr
    assert done.returncode == 0 and "Traceback" not in done.stderr


def test_one_run_at_a_time(folder):
    with opened(folder) as first:
        with pytest.raises(
            rn.InputError, match=rf"one run at a time .* another \(process {os.getpid()}\) that is at it"
        ):
            opened(folder)
        first.section("first").finish()
    with opened(folder) as second:
        assert second.done == {"first"}
        assert second.remove() == [] and not folder.exists()


def test_a_folder_in_which_nothing_was_saved_goes(folder):
    with opened(folder) as checkpoint:
        assert not checkpoint.holds_results and folder.is_dir()
    assert not folder.exists()


def test_what_somebody_else_has_written_is_left(folder, tmp_path):
    folder.mkdir()
    (folder / "thesis.tex").write_text("mine")
    with pytest.raises(rn.InputError, match=r"got a folder with other files, as thesis.tex; move them away, or choose"):
        opened(folder)
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]
    for other in (folder / "thesis.tex", tmp_path / "link"):
        if other.name == "link":
            other.symlink_to(folder)
        with pytest.raises(rn.InputError, match="to be a folder or not to exist, got a file or link"):
            opened(other)
    with rn.files.folders.replacing(tmp_path / "report") as report:
        (report / "study.json").write_text("{}")
    with pytest.raises(rn.InputError, match="got a result of another kind; choose another folder"):
        opened(tmp_path / "report")
    kept = saved(tmp_path / "kept by hand").parent
    (kept / "notes.txt").write_text("mine")
    with opened(kept) as checkpoint:
        assert checkpoint.remove() == ["notes.txt"] and (kept / "first.npz").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that refuses new folders to all users")
def test_a_place_that_cannot_be_written_is_refused():
    with pytest.raises(
        rn.InputError, match=r"expected a folder that can be written .*/proc/kept .*; choose another folder"
    ):
        opened("/proc/kept")


INTERRUPTED_AFTER_A_STAGE = """
import os, signal, sys, time
from roughntk import _process
from roughntk.files.checkpoints import Checkpoint, Problem

def command():
    kept = Checkpoint(sys.argv[1], Problem({}), ["one", "two"])
    if sys.argv[2] == "one is finished":
        kept.section("one").finish()
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(600)

sys.exit(_process.supervised(command))
"""


@pytest.mark.parametrize("how", ["one is finished", "nothing is finished"])
def test_what_was_finished_stays_and_the_one_line_says_how_to_go_on(tmp_path, how):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AFTER_A_STAGE, str(tmp_path / "kept"), how],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=600.0,
    )
    assert done.returncode == 143
    if how == "one is finished":
        words = f"Terminated. What was finished is in {tmp_path / 'kept'}: run the same command again to go on.\n"
        assert done.stderr == words and (tmp_path / "kept" / "one.npz").exists()
    else:
        assert done.stderr == "Terminated.\n" and list(tmp_path.iterdir()) == []

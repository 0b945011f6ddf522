"""Compiled functions and the folder that keeps their machine code: whatever is wrong with it, results are right."""

import errno
import hashlib
import importlib.util
import os
import pickle
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numba
import pytest

from roughntk import _caches, _compiled
from roughntk.commands.answers import installation
from roughntk.rough.variation import compiled_partitions as _kernels

SOURCE = "def double(x):\n    return 2 * x\n"
NAME = "kept_double"
POSIX = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="folders have no owner and mode here")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A folder of one's own that the user names, in which `double` is kept."""
    place = tmp_path / "kept"
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(place))
    monkeypatch.setattr(_compiled, "_warned", False)
    (tmp_path / f"{NAME}.py").write_text(SOURCE)
    assert _double(tmp_path) == (42, 0, [])
    assert _double(tmp_path) == (42, 1, [])
    yield place
    sys.modules.pop(NAME)


def _double(folder: Path) -> tuple[int, int, list[str]]:
    """The result for 21 as a process of its own gets it: twice 21, functions found in the folder, warnings."""
    spec = importlib.util.spec_from_file_location(NAME, folder / f"{NAME}.py")
    sys.modules[NAME] = module = importlib.util.module_from_spec(spec)  # numba imports it to load its code
    spec.loader.exec_module(module)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        function = _compiled.compiled(module.double)
        result = function(21)
    return result, sum(function.stats.cache_hits.values()), [str(one.message) for one in found]


def _files(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.is_file()]


def test_folders_and_files_are_the_users_own(kept):
    folders = [kept, *(path for path in kept.rglob("*") if path.is_dir())]
    assert len(folders) == 2 and len(_files(kept)) == 1
    assert installation.Check("compiled functions", "ok", f"kept in {kept}") in installation.examine()
    if hasattr(os, "geteuid"):
        assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
        assert _files(kept)[0].stat().st_mode & 0o777 == 0o600


def _flipped(content: bytes) -> bytes:
    return content[:-200] + bytes([content[-200] ^ 1]) + content[-199:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: b"\x80\x04garbage." * 100,
        lambda content: bytes(len(content)),
        lambda content: hashlib.sha256(b"no pickle").digest() + b"no pickle",
        _flipped,
    ],
    ids=["empty", "half", "short", "garbage", "zeros", "no pickle", "one bit"],
)
def test_a_damaged_file_is_passed_over_and_mended(kept, damage):
    (path,) = _files(kept)
    path.write_bytes(damage(path.read_bytes()))
    assert _double(kept.parent) == (42, 0, [])
    assert _double(kept.parent) == (42, 1, [])


def test_code_of_another_source_is_not_run(kept):
    (kept.parent / f"{NAME}.py").write_text(SOURCE.replace("2 * x", "2 * x + 1"))
    assert _double(kept.parent) == (43, 0, [])
    assert _double(kept.parent) == (43, 1, [])


def test_code_of_another_version_or_signature_is_not_run(kept):
    (path,) = _files(kept)
    version, source, key, code = pickle.loads(path.read_bytes()[32:])
    for made_of in (("0.1", source, key), (version, b"other", key), (version, source, (*key[:2], "other"))):
        content = pickle.dumps((*made_of, code))
        path.write_bytes(hashlib.sha256(content).digest() + content)
        assert _double(kept.parent) == (42, 0, [])


class Trap:
    """What does harm when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@POSIX
def test_what_others_may_have_written_is_not_unpickled(kept):
    (path,), mark = _files(kept), kept.parent / "harm"
    content = pickle.dumps(Trap(mark))
    content = hashlib.sha256(content).digest() + content
    for place, mode in ((path.parent, 0o777), (path.parent, 0o1777), (kept, 0o777), (path, 0o666)):
        path.write_bytes(content)
        before = place.stat().st_mode
        place.chmod(mode)
        _compiled._warned = False
        result, hits, said = _double(kept.parent)
        assert (result, hits, mark.exists()) == (42, 0, False)
        assert len(said) == 1 and f"others can write to {place}" in said[0] and "NUMBA_CACHE_DIR" in said[0]
        assert _double(kept.parent) == (42, 0, [])  # one warning in a process
        place.chmod(before)
    path.write_bytes(content)
    assert _double(kept.parent) == (42, 0, []) and mark.exists()  # the trap works where only the user can set it


@POSIX
def test_a_folder_or_file_of_another_user_or_a_link_is_not_used(kept, monkeypatch):
    (path,) = _files(kept)
    code = path.read_bytes()
    elsewhere = kept.parent / "elsewhere"
    elsewhere.write_bytes(code)
    path.unlink()
    path.symlink_to(elsewhere)
    result, hits, said = _double(kept.parent)
    assert (result, hits, len(said)) == (42, 0, 1)
    monkeypatch.setattr(_compiled, "_warned", False)
    path.unlink()
    path.write_bytes(code)
    path.chmod(0o600)
    assert _double(kept.parent) == (42, 1, [])
    user = os.geteuid()
    monkeypatch.setattr(_compiled, "_warned", False)
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    result, hits, said = _double(kept.parent)
    assert (result, hits, len(said)) == (42, 0, 1) and "belongs to another user" in said[0]


@POSIX
def test_the_private_group_of_the_user_is_nobody_else(monkeypatch):
    import grp
    import pwd

    user = pwd.getpwuid(os.geteuid())
    own = grp.struct_group((user.pw_name, "x", user.pw_gid, []))
    for group, private in ((own, True), ((*own[:3], ["another"]), False), (("users", *own[1:]), False)):
        monkeypatch.setattr(grp, "getgrgid", lambda number, group=group: grp.struct_group(group))
        assert _caches._own_group(user.pw_gid, os.geteuid()) == private


def test_a_file_that_cannot_be_written_leaves_no_trace(kept, monkeypatch):
    resource = pytest.importorskip("resource")
    (path,) = _files(kept)
    path.unlink()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))
    try:
        result, hits, said = _double(kept.parent)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (result, hits, len(said), _files(kept)) == (42, 0, 1, [])
    assert os.strerror(errno.EFBIG) in said[0]

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_compiled, "_warned", False)
    monkeypatch.setattr(tempfile, "mkstemp", full)
    result, hits, said = _double(kept.parent)
    assert (result, hits, len(said)) == (42, 0, 1) and os.strerror(errno.ENOSPC) in said[0]


def test_a_folder_that_cannot_be_made_is_no_reason_not_to_compute(kept, monkeypatch):
    # below a file: true for a user and for root, whom no mode stops
    below = kept.parent / f"{NAME}.py" / "kept"
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(below))
    result, hits, said = _double(kept.parent)
    assert (result, hits, len(said)) == (42, 0, 1)  # said, as the user named the folder
    monkeypatch.setattr(_compiled, "_warned", False)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(_compiled, "folder", lambda: below)
    assert _double(kept.parent) == (42, 0, [])  # nobody named it
    assert "not kept" in _compiled.state()[1]


def test_a_function_without_a_file_is_compiled_anew(kept):
    scope = {}
    exec(compile(SOURCE, "/nowhere/at/all.py", "exec"), scope)
    assert _compiled.compiled(scope["double"])(21) == 42  # and warns of nothing
    assert len(_files(kept)) == 1


def test_the_folder_is_the_one_of_the_environment(monkeypatch, tmp_path):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert _compiled.folder() == tmp_path / ".cache" / "roughntk"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert _compiled.folder() == tmp_path / "caches" / "roughntk"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    with pytest.raises(FileNotFoundError):
        _compiled.folder()


def test_another_process_runs_the_code_that_is_kept_and_compiles_where_it_is_damaged(kept):
    script = (
        "from roughntk._compiled import compiled\n"
        "import kept_double\n"
        "f = compiled(kept_double.double)\n"
        "print(f(21), sum(f.stats.cache_hits.values()))\n"
    )
    paths = os.pathsep.join([str(Path(_compiled.__file__).parent.parent), str(kept.parent)])
    environment = os.environ | {"NUMBA_CACHE_DIR": str(kept), "PYTHONPATH": paths}
    for hits in ("1", "0"):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == ["42", hits]
        (path,) = _files(kept)
        path.write_bytes(path.read_bytes()[:1000])


def test_the_kernels_of_the_package_are_kept_and_run_beside_a_damaged_cache(kept):
    for hits in (0, 1, 0):
        spec = importlib.util.spec_from_file_location(NAME, _kernels.__file__)
        sys.modules[NAME] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.power(9.0, 1.5, 6, 1.0) == 27
        assert sum(module.power.stats.cache_hits.values()) == hits
        if hits:
            for path in _files(kept):
                path.write_bytes(path.read_bytes()[:1000])

"""What JAX compiles for a command is kept in a folder of the user's own, and whatever is wrong with it is harmless."""

import os
import stat
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import pytest

import roughntk as rn
from roughntk.commands import compilation

ROOT = Path(rn.__file__).parent.parent
OURS = (
    "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "EQX_ON_ERROR", compilation.SWITCH,
)  # fmt: skip
COMMAND = ("signature", "path.csv", "--level", "2", "--quiet")
"""A command that compiles little."""


@pytest.fixture
def caches(tmp_path, monkeypatch) -> Path:
    """The user's folder of caches, which does not exist yet, and a path in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "path.csv").write_text("1,1\n3,4\n5,2\n8,6\n")
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    return tmp_path / "caches"


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"} | variables
    command = [sys.executable, "-m", "roughntk", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def entries(caches: Path) -> list[Path]:
    return sorted(caches.glob("roughntk/jax-*/*-cache"))


def assert_answers(result: subprocess.CompletedProcess) -> None:
    assert result.returncode == 0, result.stderr
    assert "24.5" in result.stdout and result.stderr == ""


def test_a_command_keeps_what_it_compiled_and_a_second_one_reads_it(caches):
    assert_answers(run(*COMMAND))
    first = entries(caches)
    assert first and stat.S_IMODE(first[0].parent.stat().st_mode) == 0o700
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in first}
    first[0].write_bytes(first[0].read_bytes()[:20])  # as a process that was killed leaves it
    first[-1].write_bytes(b"damaged")
    assert_answers(run(*COMMAND))
    assert entries(caches) == [path for path in first if path not in (first[0], first[-1])]
    assert_answers(run(*COMMAND))
    assert entries(caches) == first  # written anew
    for path in first[1:-1]:
        assert (path.stat().st_mtime_ns, path.read_bytes()) == before[path]


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("limit", "-h")])
def test_help_makes_no_folder(caches, arguments):
    assert run(*arguments).returncode == 0
    assert not caches.exists()


def test_it_can_be_turned_off_and_a_folder_of_the_user_comes_first(caches, tmp_path):
    assert_answers(run(*COMMAND, **{compilation.SWITCH: "0"}))
    assert entries(caches) == []
    own = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "mine"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    assert_answers(run(*COMMAND, **own))
    assert entries(caches) == [] and list((tmp_path / "mine").glob("*-cache"))


def test_importing_the_package_changes_no_setting_of_the_cache(caches):
    code = "import roughntk, jax; from roughntk import cli; print(jax.config.jax_compilation_cache_dir)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "None\n"


def taken(monkeypatch) -> str | None:
    """The folder that a command would use now."""
    with monkeypatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("error")
        patch.setattr(os, "environ", dict(os.environ))
        with compilation.kept():
            return os.environ.get("JAX_COMPILATION_CACHE_DIR")


def test_a_folder_that_others_can_write_to_or_that_is_none_is_not_used(caches, monkeypatch):
    assert taken(monkeypatch) == str(compilation.folder())
    compilation.folder().chmod(0o777)
    assert taken(monkeypatch) is None and compilation.state()[1].startswith("what JAX compiles is not kept: others can")
    compilation.folder().chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert taken(monkeypatch) is None and "belongs to another user" in compilation.state()[1]
    monkeypatch.undo()


def test_a_folder_that_a_command_chose_is_not_taken_for_one_of_the_user(caches, monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    with compilation.kept():
        assert compilation.state() == (True, f"kept in {compilation.folder()}")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = "elsewhere"
    assert compilation.state() == (True, "kept in elsewhere, which JAX_COMPILATION_CACHE_DIR says")


def test_where_no_folder_can_be_made_a_command_runs_and_says_nothing(caches, tmp_path):
    (tmp_path / "file").write_text("")
    assert_answers(run(*COMMAND, XDG_CACHE_HOME=str(tmp_path / "file")))


def test_each_processor_version_and_choice_of_instructions_has_a_folder_of_its_own(caches, monkeypatch):
    names = {compilation.folder()}
    with monkeypatch.context() as patch:
        patch.setattr(compilation, "_processor", lambda: "another")
        names.add(compilation.folder())
    with monkeypatch.context() as patch:
        patch.setenv("XLA_FLAGS", "--xla_cpu_max_isa=AVX2")
        names.add(compilation.folder())
    monkeypatch.setattr(compilation, "version", lambda name: "99.1")
    names.add(compilation.folder())
    assert len(names) == 4


def test_the_entries_that_were_not_used_for_longest_go_first(tmp_path):
    for age in range(8):
        path = tmp_path / f"jax-{age % 2}" / f"{age}-cache"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(1000))
        os.utime(path, (10**9 - age, 10**9 - age))
    (tmp_path / "variation").mkdir()
    (tmp_path / "variation" / "kept.nbc").write_bytes(bytes(10**5))
    compilation.prune(tmp_path, limit=8000)
    assert len(list(tmp_path.glob("jax-*/*"))) == 8
    compilation.prune(tmp_path, limit=7000)
    assert sorted(path.name[0] for path in tmp_path.glob("jax-*/*")) == ["0", "1", "2"]
    assert (tmp_path / "variation" / "kept.nbc").exists()


def test_whole_entries_stay_when_damaged_ones_are_removed(tmp_path):
    (tmp_path / "whole-cache").write_bytes(zlib.compress(b"x" * 1000))
    (tmp_path / "half-cache").write_bytes(zlib.compress(bytes(range(256)))[:100])
    compilation.remove_damaged(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["whole-cache"]


def test_two_commands_at_once_share_a_folder(caches):
    command = [sys.executable, "-m", "roughntk", *COMMAND]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for each in both:
        out, error = each.communicate()
        assert (each.returncode, error) == (0, "") and "24.5" in out
    assert_answers(run(*COMMAND))


EQUATION = """
from roughntk.commands.compilation import kept
with kept():
    import roughntk as rn
    X, x = rn.sphere.uniform(2, 3, 0), rn.sphere.uniform(1, 3, 1)
    rn.transport.between_depths(rn.kernels.ReluNTK(), X, x, depth=2)
"""


def test_the_equation_is_kept_which_diffrax_checks_while_it_runs(caches):
    """JAX keeps nothing that calls back to Python, as those checks do where they raise."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", EQUATION], env=environment, check=True)
    assert [path for path in entries(caches) if "integrate" in path.name]


UNFINISHED = """
import sys
from roughntk.commands.compilation import kept
with kept():
    import diffrax
    solve = diffrax.diffeqsolve
    diffrax.diffeqsolve = lambda *terms, **named: solve(*terms, **named | {"max_steps": 3})
    from roughntk.cli import run
    sys.exit(run(["limit", "sphere", "--points", "4", "--test-points", "1", "--family", "residual-relu-ntk"]))
"""


def test_no_command_takes_nan_for_a_solution(caches):
    """Where diffrax makes NaN of what it could not integrate, since its checks do not raise."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run([sys.executable, "-c", UNFINISHED], env=environment, capture_output=True, text=True)
    assert result.returncode == 70 and "fault" in result.stderr, result.stderr
    assert "nan" not in result.stdout

"""Functions of one's own, `--set phi=FILE.py:NAME`: whatever they raise, however they end, their file is blamed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from typer.testing import CliRunner

import roughntk as rn
from roughntk import cli
from roughntk.kernels import named

ROOT = Path(rn.__file__).parent.parent
SOURCE = """
import os, sys
import jax.numpy as jnp

class Own(BaseException):
    pass

def exits(u):
    sys.exit(0)

def says(u):
    raise SystemExit("bye")

def interrupts(u):
    raise KeyboardInterrupt

def closes(u):
    raise GeneratorExit

def of_its_own(u):
    raise Own("kind")

def without_message(u):
    raise ValueError

def in_lines(u):
    raise ValueError("\\n \\x1b[31mred\\x07\\nmore")

def exits_later(u):
    if u.shape[0] > 50:
        sys.exit(0)
    return jnp.tanh(u)

def fails_later(u):
    if u.shape[0] > 50:
        raise ValueError("later")
    return jnp.tanh(u)
"""
ENDS = {
    "exits": "SystemExit: 0", "says": "SystemExit: bye", "interrupts": "KeyboardInterrupt", "closes": "GeneratorExit",
    "of_its_own": "Own: kind", "without_message": "ValueError", "in_lines": r"ValueError: \x1b[31mred\x07",
    "exits_later": "SystemExit: 0", "fails_later": "ValueError: later",
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(SOURCE)


@pytest.fixture
def deaf():
    """As in the process that computes for the command line, which does not hear of Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("name", ENDS)
def test_a_function_that_raises_or_exits_is_blamed_by_file_and_name(name, deaf):
    result = CliRunner().invoke(cli.app, ["classify", "activation-ntk", "--set", f"phi=own.py:{name}"])
    assert result.exit_code == 2 and result.stdout == "", result.output
    assert f"written for JAX arrays as own.py:{name}, got {ENDS[name]}; write it" in result.stderr
    assert "\x1b" not in result.stderr


def test_a_map_that_exits_is_blamed_too(deaf):
    result = CliRunner().invoke(cli.app, ["classify", "composition", "--set", "h=own.py:closes"])
    assert result.exit_code == 2 and "own.py:closes, got GeneratorExit" in result.stderr


@pytest.mark.parametrize("body", ["raise KeyboardInterrupt", "raise GeneratorExit", "raise ValueError('a\\nb')"])
def test_a_file_that_raises_is_blamed(body, deaf):
    Path("file.py").write_text(body)
    result = CliRunner().invoke(cli.app, ["classify", "activation-ntk", "--set", "phi=file.py:f"])
    said = body.removeprefix("raise ").replace("('a\\nb')", ": a")
    assert result.exit_code == 2 and f"got 'file.py:f': {said}; correct" in result.stderr, result.output


@pytest.mark.parametrize("place", ["own.py:interrupts", "file.py:f"])
def test_a_real_interruption_is_none_of_the_file(place):
    Path("file.py").write_text("raise KeyboardInterrupt")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            rn.kernels.family("activation-ntk", phi=place)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_file_that_ends_the_process_is_blamed():
    Path("file.py").write_text("import os\nos._exit(0)\n")
    done = subprocess.run(
        [sys.executable, "-m", "roughntk", "classify", "activation-ntk", "--set", "phi=file.py:f"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 2 and done.stdout == ""
    assert (
        "Error: expected a function that returns, got an end of the process (exit code 0) with file.py:f" in done.stderr
    )


def test_functions_given_in_python_are_named_as_well():
    def silent(u):
        raise ValueError

    with pytest.raises(
        rn.InputError, match=r"an activation .*, got ValueError, raised by silent in test_own_functions"
    ):
        rn.kernels.ActivationNTK(silent)

    def fails(c, depth):
        raise ValueError("\n")

    with pytest.raises(rn.InputError, match="got ValueError from fails "):
        rn.kernels.sequence(fails)(np.eye(2), depth=3)
    own = named.activation("own.py:fails_later")
    np.testing.assert_array_equal(own(jnp.ones(3)), jnp.tanh(jnp.ones(3)))
    assert own.__name__ == "fails_later"

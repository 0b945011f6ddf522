"""What commands print: whole numbers at any width, in any encoding, to any end of a pipe; JSON; help; faults."""

import codecs
import dataclasses
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
import typing
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import roughntk as rn
from roughntk import cli
from roughntk.commands import choices
from roughntk.commands.answers import classifications, signatures
from roughntk.commands.terminal import console, progress, streams
from roughntk.commands.terminal.tables import table
from roughntk.files import built_in
from roughntk.rough import SIGNATURE_BACKENDS
from roughntk.study import data, settings
from roughntk.study.config import StudyConfig

EXAMPLE = np.array([[1.0, 1.0], [3.0, 4.0], [5.0, 2.0], [8.0, 6.0]])
ROOT = Path(rn.__file__).parent.parent
HEAVY = ("jax", "numpy", "scipy", "matplotlib", "numba", "sklearn", "pandas", "diffrax", "equinox")


def call(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def shell(command, folder, **variables):
    """A command line of `sh`, in which `roughntk` is this package."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"} | variables
    command = f'roughntk() {{ {shlex.quote(sys.executable)} -m roughntk "$@"; }}; {command}'
    return subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, check=False)


@pytest.fixture
def path(tmp_path, monkeypatch) -> Path:
    """The worked example in a file of the working folder."""
    monkeypatch.chdir(tmp_path)
    np.savetxt("path.csv", EXAMPLE, delimiter=",")
    return tmp_path / "path.csv"


# Tables

ROWS = [
    ["erf-ntk, weight_variance = 1.37844", "critical", "0.333333333333", "0.375000 log L / L", "1/(n + 2) each"],
    ["composition", "ordered", "-1.2345678901e-308", "0.912345^L", "depends on the data"],
]
HEADINGS = ("family", "phase", "limit ratio", "rate", "limit of the coefficients")


@pytest.mark.parametrize("width", [None, 200, 120, 100, 80, 60, 40, 20, 5])
def test_no_word_of_a_table_is_broken_at_any_width(width):
    text = table(HEADINGS, ROWS, width)
    words = re.findall(r"[^\s│]+", "\n".join(text))
    for row in ROWS:
        for word in " ".join(row).split():
            assert word in words, (width, word)
    if width is not None and width >= 40:
        assert max(map(len, text)) <= width


def test_a_piped_table_is_as_wide_as_its_cells_whatever_the_width_of_a_terminal(path):
    result = CliRunner().invoke(cli.app, ["signature", "path.csv", "--level", "2"], env={"COLUMNS": "10"})
    assert result.exit_code == 0, result.output
    assert re.search(r"^│ 11 +│ 24.5 +│$", result.stdout, re.MULTILINE)
    long = table(("a", "b"), [["x" * 500, "-1.2345678901e-308"]])
    assert "x" * 500 in long[3] and "-1.2345678901e-308" in long[3]


def test_wide_characters_keep_the_columns_straight():
    from rich.cells import cell_len

    assert len({cell_len(line) for line in table(("name", "v"), [["数据", "1"], ["data", "2"]])}) == 1


def test_on_a_narrow_terminal_numbers_stay_whole(path):
    """A terminal of 40 columns, as a program sees it."""
    controller, terminal = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "40", "TERM": "xterm", "NO_COLOR": "1"}
    arguments = [sys.executable, "-m", "roughntk", "signature", "path.csv", "--log", "--quiet"]
    with subprocess.Popen(arguments, cwd=path.parent, env=environment, stdout=terminal, stderr=subprocess.PIPE) as run:
        os.close(terminal)
        text = b""
        try:
            while chunk := os.read(controller, 4096):
                text += chunk
        except OSError:  # the end of a terminal, on Linux
            pass
    os.close(controller)
    assert run.returncode == 0
    lines = text.decode().splitlines()
    assert any(re.fullmatch(r"│ \[1,2\] +│ 1.5 +│", line) for line in lines), lines


# Encodings


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1", "utf-8", "cp437"])
def test_every_character_can_be_encoded_or_is_replaced(encoding):
    codecs.register_error("roughntk", streams.replace)
    text = "│ ± ≤ ∞ → é 数 \udcff −1.5 … 🙂"
    found = text.encode(encoding, errors="roughntk").decode(encoding)
    assert "1.5" in found and "\udcff" not in found
    if encoding == "ascii":
        assert found == "| +- <= inf -> e ? ? -1.5 ... ?"


@pytest.mark.parametrize(
    "variables", [{"PYTHONIOENCODING": "cp1252"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_a_terminal_of_another_encoding_gets_the_numbers(path, variables):
    if "PYTHONIOENCODING" in variables:
        os.rename(path, path.with_name("数é.csv"))
    result = shell("roughntk signature *.csv --quiet && roughntk --help", path.parent, **variables)
    assert result.returncode == 0, result.stderr
    assert b"| 24.5 " in result.stdout and b"Traceback" not in result.stderr and b"variation" in result.stdout


def test_control_characters_of_a_name_do_not_reach_the_terminal(path):
    os.rename(path, path.with_name("a\x1b[31mb\x07.csv"))
    result = call("signature", "a\x1b[31mb\x07.csv")
    assert result.exit_code == 0 and "\x1b" not in result.output and "\x07" not in result.output
    assert r"a\x1b[31mb\x07.csv" in result.stdout
    result = call("signature", "none\x1b[31m.csv")
    assert result.exit_code == 2 and "\x1b" not in result.output


# Where the output goes


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("roughntk signature path.csv > /dev/full", "No space left"),
        ("roughntk --version > /dev/full", "No space left"),
        ("roughntk --help > /dev/full", "No space left"),
        ("roughntk signature path.csv --json > /dev/full", "No space left"),
        ("roughntk signature path.csv >&-", "it is closed"),
        # The reader is gone before anything is written: it ends at once, the command takes longer to start.
        ("set -o pipefail; roughntk signature path.csv --level 12 | true", "its reader has gone"),
    ],
)
def test_an_output_that_takes_nothing_ends_with_one_line(path, command, said):
    if "/dev/full" in command and not Path("/dev/full").exists():
        pytest.skip("this system has no full device")
    result = shell(command, path.parent)
    assert result.returncode == streams.OUTPUT_FAILED, result.stderr
    lines = [line for line in result.stderr.decode().strip().splitlines() if "at work for" not in line]
    assert len(lines) == 1 and lines[0].startswith("Error: standard output cannot be written") and said in lines[0]


@pytest.mark.parametrize("words", ["--help", "", "study --help", "limit -h", "--version"])
def test_help_whose_reader_has_seen_enough_ends_in_silence(path, words):
    """As programs that SIGPIPE ends: no line, exit code 128 + 13. The reader is gone before anything is written."""
    result = shell(f"set -o pipefail; roughntk {words} | true", path.parent)
    assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, b"")


def test_a_removed_working_folder_is_named(path):
    result = shell(f"mkdir gone && cd gone && rmdir ../gone && roughntk signature {path}", path.parent)
    assert result.returncode == 2
    assert result.stderr.decode().strip().splitlines()[-1].startswith("Error: expected a working folder that exists")
    assert b"Traceback" not in result.stderr


def test_a_name_that_is_no_utf8_is_refused_before_any_work(path):
    result = shell(r"roughntk study $'bad\xff.csv'", path.parent)
    assert result.returncode == 2, result.stderr
    assert rb"expected arguments in UTF-8, got 'bad\udcff.csv'" in result.stderr
    assert [each.name for each in path.parent.iterdir()] == ["path.csv"]


# Faults


def broken(*arguments, **settings):
    raise ZeroDivisionError("a fault\nwith a second line")


def test_a_fault_of_our_own_is_one_line_with_a_place_to_report(path, monkeypatch, capsys):
    monkeypatch.setattr(signatures, "signature_table", broken)
    assert cli.run(["signature", "path.csv"]) == streams.FAULT == 70
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert re.fullmatch(r"Error: a fault of roughntk itself, ZeroDivisionError: a fault; please report it .*", lines[0])
    for where in (["--traceback", "signature", "path.csv"], ["signature", "path.csv", "--traceback"]):
        assert cli.run(where) == 70
        assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_an_error_of_the_system_is_no_fault_of_ours(path, monkeypatch, capsys):
    def full(*arguments, **settings):
        raise PermissionError(13, "Permission denied", "cache/index")

    monkeypatch.setattr(signatures, "signature_table", full)
    assert cli.run(["signature", "path.csv"]) == streams.OUTPUT_FAILED
    said = capsys.readouterr().err
    assert "cache/index (Permission denied)" in said and "report" not in said and said.count("\n") == 1


@pytest.mark.parametrize("depth", [str(2**63), str(2**64), "1" + "0" * 400, "-" + "9" * 30])
@pytest.mark.parametrize("command", ["limit", "figure1", "study"])
def test_depths_beyond_whole_numbers_of_the_machine_end_with_one_message(path, command, depth, capsys):
    option = "--depth" if command == "limit" else "--depths"
    code = cli.run([command, option, depth, *(("--points", "3") if command == "limit" else ())])
    said = capsys.readouterr().err
    assert code == 2 or (code == 0 and command == "limit"), said
    assert "Traceback" not in said and "fault" not in said


# JSON, quiet


def test_json_has_all_digits_and_nothing_else(path):
    result = call("signature", "path.csv", "--level", 3, "--json")
    record = json.loads(result.stdout)
    assert result.exit_code == 0
    np.testing.assert_array_equal(record["values"], rn.rough.signature(EXAMPLE, 3))
    assert record["entries"][:3] == ["1", "2", "11"] and record["backend"] == "jax"


def test_json_of_variation_for_paths_distances_and_sequences(path):
    expected = rn.rough.p_variation_levels(EXAMPLE, 2.5, level=1)[1]
    record = json.loads(call("variation", "path.csv", "--p", 2.5, "--json").stdout)
    assert record["paths"][0]["value"] == expected.value
    assert record["paths"][0]["partition"] == expected.partition.tolist()
    for k in (1, 2, 4):
        np.savetxt(f"{k}.csv", EXAMPLE * (1 + 1 / k), delimiter=",")
    record = json.loads(call("variation", "1.csv", "--against", "path.csv", "--p", 2.5, "--json").stdout)
    limit = np.loadtxt("path.csv", delimiter=",")
    one = np.loadtxt("1.csv", delimiter=",")
    assert record["distance"]["value"] == rn.rough.p_variation_distance(one, limit, 2.5)
    assert set(record["distance"]["levels"]) == {"1", "2"}
    record = json.loads(
        call("variation", "1.csv", "2.csv", "4.csv", "--against", "path.csv", "--scale", "1,2,4", "--json").stdout
    )
    assert np.shape(record["distances"]) == (3, 2) and record["rates"][0] == pytest.approx(1, abs=1e-9)


def test_json_of_limit_agrees_with_the_library(path):
    arguments = ("limit", "wine", "--points", 4, "--test-points", 2, "--depth", "inf", "--json")
    record = json.loads(call(*arguments).stdout)
    chosen = data.load("wine", points=4, test_points=2, seed=0)
    u = rn.coefficients(rn.kernels.ReluNTK(), chosen.X, chosen.x, depth=np.inf)
    np.testing.assert_array_equal(record["coefficients"], u)
    assert record["depth"] == "inf" and record["depth_needed"]["tolerance"] == 1e-3
    assert record["training_rows"] == list(chosen.rows[:4])


def test_json_of_classify_has_every_field(monkeypatch):
    found = rn.classify(rn.kernels.ReluNTK())
    monkeypatch.setattr(classifications, "classify", lambda member: found)
    record = json.loads(call("classify", "relu-ntk", "--json").stdout)
    names = {field.name for field in dataclasses.fields(found)}
    assert names <= set(record) and record["ratio"] == found.ratio and record["ratio_as_fraction"] == "1/4"
    assert record["rate"]["words"] == found.rate.short and len(record["evidence"]) == len(found.evidence)
    monkeypatch.setattr(classifications, "table_members", lambda: [rn.kernels.ReluNTK()] * 3)
    assert [each["family"] for each in json.loads(call("classify", "all", "--json").stdout)] == ["relu-ntk"] * 3
    assert "classified: 3 done" in call("classify", "all").stderr
    assert call("classify", "all", "--quiet").stderr == ""


def test_json_of_doctor():
    record = json.loads(call("doctor", "--json").stdout)
    assert record["healthy"] is True and {"name", "state", "detail"} == set(record["checks"][0])
    assert call("doctor", "--quiet").stdout == ""


def test_json_has_words_for_what_json_cannot_hold():
    given = {"a": np.array([1.0, np.inf, -np.inf, np.nan]), "b": (np.float64(0.1), None, True, np.int64(3))}
    assert console.plain(given) == {"a": [1.0, "inf", "-inf", None], "b": [0.1, None, True, 3]}
    assert json.loads(json.dumps(console.plain({"x": 0.1 + 0.2}))) == {"x": 0.1 + 0.2}


def test_quiet_leaves_the_numbers(path):
    text = call("signature", "path.csv", "--quiet").stdout
    assert "24.5" in text and "points" not in text


# Progress


def test_a_long_step_without_a_terminal_says_so_again_and_again(monkeypatch, capsys):
    monkeypatch.setattr(progress, "EVERY", 0.02)
    latest = time.monotonic() + 60.0  # a busy machine may not come to the lines for a while

    def waited_for(pattern):
        said = ""
        while not re.search(pattern, said, re.MULTILINE) and time.monotonic() < latest:
            time.sleep(0.01)
            said += capsys.readouterr().err
        return said

    with progress.at_work("limit", False):
        assert re.search(r"^limit: at work for \d+ s$", waited_for(r" s$"), re.MULTILINE)
    capsys.readouterr()
    with progress.stages(False) as report:
        report("closed form", 2, 7)
        first = waited_for(r" s$").splitlines()[0]
        report("closed form", 7, 7)
    assert re.fullmatch(r"closed form: 2 of 7, at work for \d+ s", first)
    assert capsys.readouterr().err.splitlines()[-1] == "closed form: 7 done"
    with progress.stages(True) as report, progress.at_work("limit", True):
        report("closed form", 7, 7)
        time.sleep(0.1)
    assert capsys.readouterr().err == ""
    assert threading.active_count() == len(threading.enumerate())


# Help


def test_help_version_and_completion_import_nothing_heavy(tmp_path):
    code = f"""
import contextlib, io, sys
from roughntk import cli
for arguments in (["--help"], ["--version"], ["-h"], *([name, "-h"] for name in {sorted(COMMANDS)!r})):
    with contextlib.redirect_stdout(io.StringIO()):
        assert cli.run(arguments) == 0
assert not [name for name in {HEAVY!r} if name in sys.modules], sys.modules.keys()
"""
    result = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert result.returncode == 0, result.stderr.decode()


COMMANDS = {command.__name__: examples for command, examples in cli.COMMANDS.items()}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples_that_parse(name):
    found = CliRunner().invoke(cli.app, [name, "-h"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert found.exit_code == 0 and "--json" in found.stdout and "--quiet" in found.stdout
    for example in COMMANDS[name]:
        assert example in found.stdout
        words = shlex.split(example)
        assert words[:2] == ["roughntk", name]
        known = set(re.findall(r"--[a-z][a-z0-9-]*", found.stdout))
        assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("command", cli.COMMANDS, ids=lambda command: command.__name__)
def test_every_number_has_its_range_in_the_help_and_every_closed_choice_its_completion(command):
    ranged = re.compile(r"at least|above \d|below \d|>= ?\d|\d+ to \d|from \d")
    hints = typing.get_type_hints(command, include_extras=True)
    options = {name: (hint.__origin__, hint.__metadata__[0]) for name, hint in hints.items() if name != "return"}
    numbers = {
        name: info.help for name, (kind, info) in options.items() if {int, float} & {kind, *typing.get_args(kind)}
    }
    assert {name: text for name, text in numbers.items() if not ranged.search(text)} == {}
    assert numbers or command.__name__ in ("audit", "classify", "doctor")
    closed = {"family", "basis", "backend", "norm", "projection", "missing", "data"} & set(options)
    assert [name for name in sorted(closed) if not options[name][1].autocompletion("")] == []
    assert {"as_json", "quiet"} <= set(options)


def test_a_study_takes_p_from_one_to_below_four_as_its_help_says():
    text = " ".join(CliRunner().invoke(cli.app, ["study", "-h"], env={"COLUMNS": "200"}).stdout.split())
    assert "from 1 to below 4" in text
    assert StudyConfig(p=1.0).p == 1.0 and StudyConfig(p=3.99).p == 3.99
    for p in (0.99, 4.0):
        with pytest.raises(rn.InputError, match="p from 1 to below 4|at least 1"):
            StudyConfig(p=p)


def test_the_names_in_the_help_are_those_of_the_package():
    assert tuple(rn.kernels.FAMILIES) == settings.FAMILIES
    assert (*built_in.NAMES, *data.DEFAULT_DIMENSION) == settings.BUILT_IN
    assert (*SIGNATURE_BACKENDS, "auto") == choices.BACKENDS and choices.BASES == signatures.BASES


def test_a_shell_completes_commands_and_families(path):
    def completed(words, place):
        variables = {"_ROUGHNTK_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(place)}
        return shell("roughntk", path.parent, **variables).stdout.decode().split()

    assert completed("roughntk sig", 1) == ["signature"]
    assert completed("roughntk classify leaky", 2) == ["leaky-relu-ntk", "leaky-relu-nngp"]

"""A signal ends the command line within a moment, with one line and nothing left, whatever it is doing."""

import json
import os
import random
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import roughntk as rn
from roughntk import _process

ROOT = Path(rn.__file__).parent.parent
ENDS = {signal.SIGINT: (130, "Interrupted."), signal.SIGTERM: (143, "Terminated."), signal.SIGHUP: (129, "Hung up.")}
SLOW = 60.0  # a machine that is busy with other tests is no fault; the ends themselves take milliseconds


def start(arguments, cwd):
    return subprocess.Popen(
        [sys.executable, "-m", "roughntk", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )


def wait_until_it_listens(process):
    """Until the parent has taken the signals over: before that Python itself is starting, for as long as it takes.

    It then has a handler for SIGCHLD, which Python has not. (That signals are blocked does not show while they are
    waited for.)
    """
    status, bit = Path(f"/proc/{process.pid}/status"), 1 << (signal.SIGCHLD - 1)
    if not status.exists():  # a system without /proc
        select.select([], [], [], 1.0)
        return
    waited = 0.0
    while not any(int(mask, 16) & bit for mask in re.findall(r"^SigCgt:\s*(\w+)", status.read_text(), re.MULTILINE)):
        assert process.poll() is None and waited < SLOW
        select.select([], [], [], 0.005)
        waited += 0.005


def assert_ended(process, number):
    out, err = process.communicate(timeout=SLOW)
    code, line = ENDS[number]
    assert process.returncode == code, (process.returncode, out, err)
    assert out == "" and err.splitlines()[-1:] == [line] and "Traceback" not in err and "Fatal" not in err, err
    with pytest.raises(ProcessLookupError):  # no process of that session is left
        os.killpg(process.pid, 0)


def test_forty_presses_of_ctrl_c_end_it_forty_times(tmp_path):
    """While it starts, imports, and compiles: the moments are drawn, most of them early, where the imports are.

    The study takes far longer than the latest of them, on a fast machine, too.
    """
    moments = random.Random(0)
    delays = [moments.uniform(0.0, 0.65) for _ in range(34)] + [moments.uniform(0.65, 2.5) for _ in range(6)]
    for delay in delays:
        process = start(["study", "sphere", "--out", "report"], tmp_path)
        wait_until_it_listens(process)
        select.select([process.stdout], [], [], delay)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of the group
        assert_ended(process, signal.SIGINT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", list(ENDS), ids=lambda number: number.name)
@pytest.mark.parametrize("whom", ["the whole group", "the parent alone"])
def test_a_study_that_has_begun_to_write_leaves_nothing(tmp_path, number, whom):
    process = start(["study", "sphere", "--points", 3, "--depths", "1:3", "--out", "above/report"], tmp_path)
    folder = tmp_path / "above"
    while process.poll() is None and not any(folder.glob(".report.partial-*")):
        select.select([], [], [], 0.01)
    assert process.poll() is None
    (os.killpg if whom == "the whole group" else os.kill)(process.pid, number)
    assert_ended(process, number)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif("ROUGHNTK_FUZZ_CASES" not in os.environ, reason="takes minutes; make fuzz runs it")
def test_a_study_killed_at_twenty_random_moments_leaves_a_complete_report(tmp_path):
    """The moments of its swap are tried one by one below."""
    moments = random.Random(1)
    out = tmp_path / "report"
    arguments = ["study", "sphere", "--points", 3, "--depths", "1:3", "--out", out]

    def finish():
        process = start(arguments, tmp_path)
        process.communicate(timeout=2 * SLOW)
        assert process.returncode == 0

    finish()
    old = (out / "study.json").read_bytes()
    for _ in range(20):
        process = start(arguments, tmp_path)
        select.select([process.stdout], [], [], moments.uniform(1.0, 12.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        names = {path.name for path in out.iterdir()}
        assert {"study.json", "report.html", "figures", "tables"} <= names
        record = (out / "study.json").read_bytes()
        assert record == old or json.loads(record)
    finish()
    assert [path.name for path in tmp_path.iterdir()] == ["report"]  # the next run removes what was left


def test_a_child_does_not_outlive_a_parent_that_is_killed():
    script = (
        "import os, time\nfrom roughntk import _process\n"
        "_process.supervised(lambda: (print(os.getpid(), flush=True), time.sleep(600)))"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        assert parent.stdout.read() == ""  # the other end is closed: the child, which holds it, is gone
    status = Path(f"/proc/{child}/status")
    waited = 0.0
    while (gone := not status.exists() or "State:\tZ" in status.read_text()) is False and waited < SLOW:
        select.select([], [], [], 0.05)  # the kernel closes its files a moment before it is gone
        waited += 0.05
    assert gone


@pytest.mark.parametrize(
    ("body", "code", "err"),
    [
        ("pass", 0, ""),
        ("raise SystemExit", 0, ""),
        ("raise SystemExit(7)", 7, ""),
        ("raise SystemExit('a message')", 1, "a message\n"),
        ("os.kill(os.getpid(), signal.SIGTERM)", 143, "Terminated.\n"),
        ("os.kill(os.getpid(), signal.SIGKILL)", 137, "Error: the computation was killed, as systems do that run out "),
        ("os.kill(os.getpid(), signal.SIGSEGV)", 139, "Error: the computation was ended by SIGSEGV, a fault of a "),
        ("os.kill(os.getpid(), signal.SIGINT)", 0, ""),  # the child does not hear it
        ("sys.stdout.flush(); os._exit(0)", 70, "Error: the process ended with code 0 before the command had finished"),
        ("_process.blame_if_cut_off('a.py:f'); os._exit(5)", 2, "Error: expected a function that returns, got an end "),
        ("_process.blame_if_cut_off('a.py:f')", 0, ""),
    ],
)
def test_the_exit_code_is_that_of_the_child(body, code, err):
    script = (
        "import os, signal, sys\nfrom roughntk import _process\n"
        f"def command():\n    print('said')\n    {body}\nsys.exit(_process.supervised(command))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=SLOW)
    assert done.returncode == code and done.stderr.startswith(err) and bool(err) == bool(done.stderr)
    assert code > 1 and code != 7 or done.stdout == "said\n"


def test_a_signal_that_was_ignored_from_the_start_stays_ignored():
    """As under nohup, and for jobs that a shell has put into the background."""
    script = (
        "import os, signal, sys\nfrom roughntk import _process\n"
        "sys.exit(_process.supervised(lambda: (os.kill(os.getppid(), signal.SIGHUP), print('went on'))))"
    )
    done = subprocess.run(
        ["sh", "-c", 'trap "" HUP; exec "$0" -c "$1"', sys.executable, script],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=SLOW,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")


def test_the_parent_imports_nothing_heavy():
    script = (
        "import sys\nimport roughntk.__main__, roughntk._process\nprint({'jax', 'numpy', 'typer'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=SLOW)
    assert done.stdout == "set()\n"


def test_notes_without_a_parent_do_nothing(tmp_path):
    _process.remove_if_killed(tmp_path)
    _process.remove_if_killed_and_empty(tmp_path)
    _process.give_back_if_killed(tmp_path, tmp_path / "other")


# The swap of an old report for a new one, cut off before each of its file operations.

CUT = """
import json, os, signal, sys, time, warnings
warnings.simplefilter("ignore")
from pathlib import Path
from roughntk import _process
from roughntk.study import output

below, how, exchange = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "exchange"
if not exchange:
    output._exchange = lambda a, b: False
EVENTS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "ctypes.dlsym"}
count = last = -1

def hook(event, arguments):
    global count
    if event in EVENTS and count >= 0:
        count += 1
        if count == last:
            if how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            os.kill(os.getppid(), signal.SIGINT)
            time.sleep(600)

sys.addaudithook(hook)

def write(out, text, watched):
    global count
    count = 0 if watched else -1
    with output.replacing(out) as folder:
        (folder / "figures").mkdir()
        (folder / "figures" / "one.png").write_text(text)
        (folder / "report.html").write_text(text)
        (folder / output.MARK).write_text(text)
    count = -1

def run(out):
    if how == "interrupted":
        return _process.supervised(lambda: write(out, "new", True))
    child = os.fork()
    if child == 0:
        write(out, "new", True)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

found = []
for last in range(1, 200):
    out = below / str(last) / "report"
    write(out, "old", False)
    code = run(out)
    if code == 0:
        break
    beside = sorted(path.name for path in out.parent.iterdir() if path != out)
    if how == "killed":  # nothing could clean up; the next run does
        try:
            with output.replacing(out):
                raise RuntimeError
        except RuntimeError:
            pass
        beside = sorted(path.name for path in out.parent.iterdir() if path != out)
    files = {str(path.relative_to(out)): path.read_text() for path in out.rglob("*") if path.is_file()
             and path.name != ".roughntk.json"}
    found.append([code, beside, files])
print(json.dumps(found))
"""


@pytest.mark.parametrize("exchange", ["exchange", "two renames"])
@pytest.mark.parametrize("how", ["killed", "interrupted"])
def test_a_swap_cut_off_at_any_file_operation_leaves_a_complete_report(tmp_path, how, exchange):
    done = subprocess.run(
        [sys.executable, "-c", CUT, str(tmp_path), how, exchange],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=4 * SLOW,
    )
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert len(found) >= 10
    texts = []
    for code, beside, files in found:
        assert code == (-9 if how == "killed" else 130)
        assert beside == []
        assert set(files) >= {"figures/one.png", "report.html", "study.json"}
        assert len(set(files.values())) == 1  # no mixture
        texts.append(next(iter(files.values())))
    assert texts == sorted(texts, reverse=True)  # old up to some operation, new from there on
    assert texts[0] == "old"

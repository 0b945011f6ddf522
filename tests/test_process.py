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
SLOW = 600.0  # a machine that is busy with other work is no fault; the ends themselves take milliseconds


@pytest.fixture(autouse=True)
def no_signal_is_ignored():
    """As in a terminal: the tests may run under nohup, or in the background of a script, whose children ignore some."""
    ignored = [number for number in ENDS if signal.getsignal(number) == signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


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


def test_every_press_of_ctrl_c_ends_it(tmp_path):
    """While it starts, imports, and compiles: the moments are drawn, most of them early, where the imports are.

    Ten presses, forty in `make fuzz`. The study takes far longer than the latest moment, on a fast machine, too.
    """
    moments, many = random.Random(0), 4 if "ROUGHNTK_FUZZ_CASES" in os.environ else 1
    delays = [moments.uniform(0.0, 0.65) for _ in range(8 * many)] + [
        moments.uniform(0.65, 2.5) for _ in range(2 * many)
    ]
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
        ("_process.one_of_several(); os.abort()", 134, "Error: another process of this command has ended, or cannot "),
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
from roughntk.files import folders

below, how, exchange = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "exchange"
if not exchange:
    folders._exchange = lambda a, b: False
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
    with folders.replacing(out) as folder:
        (folder / "figures").mkdir()
        (folder / "figures" / "errors.png").write_text(text)
        (folder / "report.html").write_text(text)
        (folder / folders.MARK).write_text(text)
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
            with folders.replacing(out):
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
        assert set(files) >= {"figures/errors.png", "report.html", "study.json"}
        assert len(set(files.values())) == 1  # no mixture
        texts.append(next(iter(files.values())))
    assert texts == sorted(texts, reverse=True)  # old up to some operation, new from there on
    assert texts[0] == "old"


INTERRUPTED_WITH_SOMETHING = """
import os, signal, sys, time
from pathlib import Path
from roughntk import _process
from roughntk.files import folders

def command():
    with folders.replacing(sys.argv[1]) as folder:
        (folder / "figures").mkdir()
        (folder / "figures" / "errors.png").write_text("half")
        if sys.argv[2]:
            (folder / sys.argv[2]).write_text("mine")
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(600)

sys.exit(_process.supervised(command))
"""


@pytest.mark.parametrize("name", ["mine.txt", "figures/mine\x1b.png", ""])
def test_what_is_somebody_elses_is_not_removed_when_a_signal_comes(tmp_path, name):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WITH_SOMETHING, str(tmp_path / "report"), name],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=SLOW,
    )
    *said, last = done.stderr.splitlines()
    assert (done.returncode, last) == (130, "Interrupted.")
    assert [path.read_text() for path in tmp_path.rglob("*mine*")] == ["mine"] * bool(name)
    assert len(said) == bool(name) and "\x1b" not in done.stderr
    if name:
        assert f"stays: {name.encode('unicode_escape').decode()} in it was not written by this program" in said[0]
    else:
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("link", [True, False])
def test_only_known_files_are_removed(tmp_path, link):
    folder = tmp_path / "folder"
    (folder / "a" / "b").mkdir(parents=True)
    for name in ("a/b/c", "a/d", "last", "e"):
        (folder / name).touch()
    assert _process.remove_known(folder, ["a/b/c", "e"]) == ["a/d", "last"]
    assert (folder / "a" / "b" / "c").exists()
    if link:
        (tmp_path / "link").symlink_to(folder)
        assert _process.remove_known(tmp_path / "link", ["a/b/c", "a/d", "e", "last"]) == []
        assert (folder / "a" / "b" / "c").exists()
    else:
        assert _process.remove_known(folder, ["a/b/c", "a/d", "e", "last"]) == []
        assert list(tmp_path.iterdir()) == []
    assert _process.remove_known(tmp_path / "nothing", []) == []


# The command line from the first line of the package on: a signal at every line of its own until it listens.

AT_EVERY_LINE = """
import contextlib, json, os, runpy, signal, sys, tempfile
number, how = int(sys.argv[1]), sys.argv[2]
OWN = {os.path.join(os.getcwd(), "roughntk", name) for name in ("__init__.py", "__main__.py", "_process.py")}
first = sys.argv[0] = "-m" if how == "module" else "/somewhere/bin/roughntk"
sys.argv[1:] = ["--version"]
sys.orig_argv = ["python", *(["-m", "roughntk"] if how == "module" else [first]), "--version"]
count, last, fork = 0, 0, os.fork

def fork_untraced():
    sys.settrace(None)
    return fork()

def trace(frame, event, argument):
    global count
    if event == "call":
        return trace if frame.f_code.co_filename in OWN else None
    if event == "line" and (count or frame.f_code.co_name == "_is_command_line"):
        count += 1
        if count == last:
            sys.settrace(None)
            os.kill(os.getpid(), number)
    return trace

def command_line():
    os.fork = fork_untraced
    sys.settrace(trace)
    if how == "module":
        runpy.run_module("roughntk", run_name="__main__", alter_sys=False)
    else:
        from roughntk.__main__ import main
        main()

def one(errors):
    child = fork()
    if child == 0:
        os.dup2(errors.fileno(), 2)
        try:
            command_line()
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(end.code)
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

found = []
while not found or found[-1][0] != 0:
    last += 1
    with tempfile.TemporaryFile() as errors:
        code = one(errors)
        errors.seek(0)
        found.append([code, errors.read().decode()])
print(json.dumps(found))
"""


@pytest.mark.parametrize("how", ["module", "script"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_at_any_line_before_the_program_listens_is_heard(number, how):
    """Ctrl-C from the first call on; the others, which end Python in silence, from where the signals are held."""
    done = subprocess.run(
        [sys.executable, "-c", AT_EVERY_LINE, str(int(number)), how],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=4 * SLOW,
    )
    *found, end = json.loads(done.stdout.splitlines()[-1])
    assert end == [0, ""] and done.stdout.splitlines()[:-1] == [rn.__version__] and done.stderr == ""
    if number != signal.SIGINT:
        held = found.index([143, "Terminated.\n"])
        assert held < 20 and all(code == -number for code, _ in found[:held])
        found = found[held:]
    code, line = ENDS[number]
    assert len(found) > 40 and [each for each in found if each != [code, f"{line}\n"]] == []


@pytest.mark.parametrize(
    ("argv", "started", "wanted"),
    [
        (["-m", "limit"], ["python", "-m", "roughntk", "limit"], True),
        (["-m"], ["python", "-I", "-Bm", "roughntk"], True),
        (["-m", "x"], ["python", "-mroughntk", "x"], True),
        (["/a/roughntk", "x"], ["python", "/a/roughntk", "x"], True),
        (["-m", "roughntk"], ["python", "-m", "other", "roughntk"], False),  # its argument
        (["-m"], ["python", "-m", "roughntk.study"], False),
        (["/a/pytest", "roughntk"], ["python", "-m", "pytest", "roughntk"], False),
        (["/a/roughntk", "x"], ["python", "-c", "from multiprocessing...", "--multiprocessing-fork"], False),
        (["a.py"], ["python", "a.py"], False),
        (["-c"], ["python", "-c", "import roughntk"], False),
        ([""], ["python"], False),
        ([], [], False),
    ],
)
def test_signals_are_held_in_the_command_line_only(monkeypatch, argv, started, wanted):
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", started)
    assert rn._is_command_line() is wanted


def test_importing_the_package_leaves_signals_alone():
    script = "import signal\nimport roughntk, roughntk.__main__\nprint(signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=SLOW)
    assert done.stdout == "set()\n"


def test_a_warning_of_the_command_line_is_one_line():
    script = (
        "import contextlib, sys, warnings\nfrom roughntk import cli\nsys.argv = ['roughntk', '--version']\n"
        "with contextlib.suppress(SystemExit):\n    cli.main()\nwarnings.warn('left \\x1b', RuntimeWarning)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=SLOW)
    assert (done.stdout, done.stderr) == (f"{rn.__version__}\n", "Warning: left \\x1b\n")

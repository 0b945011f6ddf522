"""Runs the command line in a process of its own, so that a signal ends it at once, with one line and nothing left.

A compiled computation cannot be interrupted from within: Python looks at signals between bytecodes only, an exception
that is raised in a callback of XLA is swallowed, and one that is raised while jaxlib (0.10.2) is imported frees a
module that is half made, which ends in a segmentation fault (nb_module_free).

So the command runs in a child, which does not hear of Ctrl-C, and the parent, which computes nothing, waits for both:
when a signal comes it kills the child, removes what the child had begun to write, and says so in one line.

The child names what must not stay with `remove_if_killed` and `give_back_if_killed`, before it makes it, and what is
to stay with `keep_if_killed`. Where there is no parent (in a library, in a notebook) these do nothing.

Signals wait from the first line of the package on (`roughntk._hold_signals`) until the parent takes them here.
Nothing heavy is imported: the parent must be ready within milliseconds, and must have no threads when it forks.
"""

import contextlib
import gc
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType

SIGNALS = {signal.SIGINT: "Interrupted", signal.SIGTERM: "Terminated", signal.SIGHUP: "Hung up"}
"""What the parent waits for, and what it says. The exit code is 128 and the number: 130, 143, 129."""

REPORT = "please report it with the command at the address on the project's page"

DONE, BLAMED, JOINED = NO_FILES = b"done", b"blamed", b"joined"
"""Notes that the command has come to its end, whose file to blame if it has not, and that it is one of several."""

_notes: int | None = None  # where a supervised child writes what must not stay


def supervised(command: Callable[[], None]) -> int:
    """Runs `command` in a child process and returns the exit code of the whole, 128 + n after signal n.

    What `command` raises is handled in the child as at the top of any program. Signals that are ignored from the
    start (as `nohup` and shells do for jobs in the background) stay ignored.
    """
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    signal.pthread_sigmask(signal.SIG_BLOCK, {*heard, signal.SIGCHLD})
    signal.signal(signal.SIGCHLD, _nothing)  # some systems drop a blocked signal whose default is to be ignored
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by the shell
            stream.flush()
    reading, writing = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _become_child(heard, writing, parent)
        _run(command)  # does not return
    os.close(writing)
    with open(reading, "rb") as notes:
        os.set_blocking(reading, False)  # what it started may still hold the other end
        status, ended_by = _wait(child, heard)
        noted = list(_records(notes.read() or b""))
    if ended_by is None and not os.WIFSIGNALED(status):
        code = os.waitstatus_to_exitcode(status)
        if [DONE] in noted:
            return code
        _clean_up(noted)
        return _cut_off(noted, code)
    kept = _clean_up(noted)
    if ended_by is None:
        ended_by = signal.Signals(os.WTERMSIG(status))
    _say(ended_by, kept, [JOINED] in noted)
    return 128 + ended_by


def remove_if_killed(path: Path, names: Iterable[str] = ()) -> None:
    """`path`, a file or folder that is about to be made, is removed if a signal ends the command.

    A folder is removed only where all that it holds has one of these `names` (`remove_known`).
    """
    _note(b"remove", path, *map(os.fsencode, names))


def remove_if_killed_and_empty(path: Path) -> None:
    """`path`, a folder that is about to be made, is removed if a signal ends the command while it holds nothing."""
    _note(b"rmdir", path)


def keep_if_killed(path: Path, suffix: str, names: Iterable[str]) -> None:
    """`path`, a folder of results that a run can go on from, stays if a signal ends the command, which says so.

    Without a file of that suffix in it there are no results, and it is removed as `remove_if_killed` does.
    """
    _note(b"keep", path, suffix.encode(), *map(os.fsencode, names))


def give_back_if_killed(kept: Path, place: Path, names: Iterable[str] = ()) -> None:
    """If a signal ends the command, `kept` goes back to `place`, or is removed where something stands there.

    It is removed as `remove_if_killed` does.
    """
    _note(b"back", kept, place, *map(os.fsencode, names))


def remove_known(folder: str | Path, names: Iterable[str]) -> list[str]:
    """Remove a folder if all that it holds, at any depth, are files with these `names`, and folders above them.

    Args:
        folder: no link to a folder; where there is none, nothing happens.
        names: paths below it, with / in between; they are removed in this order.

    Returns:
        Whatever else it holds, links among it; nothing is removed then. Errors of the removal are passed over.
    """
    if os.path.islink(folder):
        return []
    order: dict[str, int] = {name: number for number, name in enumerate(names)}
    above = {name[:end] for name in order for end, letter in enumerate(name) if letter == "/"}
    files: list[str] = []
    folders: list[str] = []
    unknown: list[str] = []

    def failed(error: OSError) -> None:
        if os.path.lexists(folder):
            unknown.append(f"what cannot be read ({error.strerror})")

    for place, inner, ends in os.walk(folder, onerror=failed):
        for name in (*inner, *ends):
            below = os.path.relpath(path := os.path.join(place, name), folder).replace(os.sep, "/")
            is_folder = os.path.isdir(path) and not os.path.islink(path)
            is_known = below in above if is_folder else below in order and _is_file(path)
            (unknown if not is_known else folders if is_folder else files).append(below)
    if unknown:
        return sorted(unknown)
    files.sort(key=order.__getitem__)
    for below in [*(name for name in files if "/" in name), *sorted(folders, key=len, reverse=True), *files, ""]:
        with contextlib.suppress(OSError):
            (os.unlink if below in order else os.rmdir)(os.path.join(folder, below))
    return []


def _is_file(path: str) -> bool:
    """Whether it is a file and no link, pipe or device."""
    with contextlib.suppress(OSError):
        return stat.S_ISREG(os.lstat(path).st_mode)
    return False


def blame_if_cut_off(place: str) -> None:
    """`place`, a user's FILE.py:NAME that is about to run, is blamed if the process ends without finishing."""
    _note(BLAMED, os.fsencode(place).replace(b"\0", b""))


def one_of_several() -> None:
    """From here on JAX's runtime ends this process (SIGABRT) where another one of the same command has ended."""
    _note(JOINED)


def _note(what: bytes, *fields: Path | bytes) -> None:
    if _notes is not None:
        written = [each if isinstance(each, bytes) else os.fsencode(os.path.abspath(each)) for each in fields]
        os.write(_notes, b"\0".join([what, *written]) + b"\0\n\0")


def _wait(child: int, heard: list[signal.Signals]) -> tuple[int, signal.Signals | None]:
    """Wait for the end of the child, or kill it when a signal comes: its status, and the signal."""
    while True:
        number = signal.sigwait({*heard, signal.SIGCHLD})
        if number != signal.SIGCHLD:
            os.kill(child, signal.SIGKILL)
            return os.waitpid(child, 0)[1], signal.Signals(number)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status, None


def _become_child(heard: list[signal.Signals], writing: int, parent: int) -> None:
    """In the child: it ignores Ctrl-C and the end of the terminal, and ends with the parent at the latest."""
    global _notes
    _notes = writing
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in heard:
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*SIGNALS, signal.SIGCHLD})
    _die_with(parent)


def _die_with(parent: int) -> None:
    """End this process when its parent has ended, however that came."""
    if sys.platform.startswith("linux"):
        import ctypes

        set_signal_at_end_of_parent = 1
        with contextlib.suppress(OSError, AttributeError):
            if ctypes.CDLL(None).prctl(set_signal_at_end_of_parent, int(signal.SIGKILL), 0, 0, 0) == 0:
                if os.getppid() != parent:  # it ended before the line above
                    os._exit(1)
                return

    import threading

    def watch() -> None:
        while os.getppid() == parent:
            stopped.wait(0.5)
        os._exit(1)

    stopped = threading.Event()
    threading.Thread(target=watch, daemon=True).start()


def _run(command: Callable[[], None]) -> None:
    """Run `command` as the whole of this process."""
    code: object = 1
    try:
        command()
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    if code is None:
        code = 0
    elif not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    _note(DONE)
    # The ordinary way out: handlers registered with atexit run, and what is buffered is written. Only the search for
    # cycles among all that JAX has imported and traced, half a second of it, is of no use any more.
    gc.freeze()
    sys.exit(code)


def _cut_off(noted: list[list[bytes]], code: int) -> int:
    """What to say of a child that has ended by itself in the midst of its command, and the exit code for it."""
    blamed = [os.fsdecode(fields[1]) for fields in noted if fields[0] == BLAMED]
    if blamed:
        _write(f"Error: expected a function that returns, got an end of the process (exit code {code}) with "
               f"{ascii(blamed[-1])[1:-1]}; take out what ends it, as os._exit")  # fmt: skip
        return 2
    _write(f"Error: the process ended with code {code} before the command had finished, a fault; {REPORT}")
    return 70


def _clean_up(noted: list[list[bytes]]) -> str:
    """Undo what a child that was cut off had begun, the last first; the folder of results that stays, or nothing."""
    results = ""
    for what, path, *others in reversed([fields for fields in noted if fields[0] not in NO_FILES]):
        with contextlib.suppress(OSError):
            if what == b"rmdir":
                os.rmdir(path)
            elif what == b"keep" and _is_folder(path) and any(name.endswith(others[0]) for name in os.listdir(path)):
                results = os.fsdecode(path)
            elif what == b"back" and not os.path.lexists(others[0]):
                if _is_folder(path):
                    os.rename(path, others[0])
            elif _is_folder(path):
                names = others[1:] if what in (b"back", b"keep") else others
                left = remove_known(os.fsdecode(path), map(os.fsdecode, names))
                if left:
                    _write(f"{os.fsdecode(path)} stays: {left[0]} in it was not written by this program.")
            elif _is_file(os.fsdecode(path)):
                os.unlink(path)
    return results


def _is_folder(path: bytes) -> bool:
    """Whether it is a folder and no link to one."""
    return os.path.isdir(path) and not os.path.islink(path)


def _records(notes: bytes) -> Iterator[list[bytes]]:
    """The whole records in what the child wrote; one that was cut off is dropped."""
    fields: list[bytes] = []
    for field in notes.split(b"\0")[:-1]:
        if field == b"\n":
            yield fields
            fields = []
        else:
            fields.append(field)


def _say(ended_by: signal.Signals, kept: str, joined: bool) -> None:
    """One line that says which signal ended the command, and how to go on where results are kept."""
    if ended_by in SIGNALS:
        line = f"{SIGNALS[ended_by]}."
    elif ended_by == signal.SIGKILL:
        line = "Error: the computation was killed, as systems do that run out of memory; try it with less data"
    elif ended_by == signal.SIGABRT and joined:
        line = (
            "Error: another process of this command has ended, or cannot be reached any more; see what that one says, "
            "and start all of them again"
        )
    else:
        line = f"Error: the computation was ended by {ended_by.name}, a fault of a compiled library; {REPORT}"
    if kept:
        line = f"{line.removesuffix('.')}. What was finished is in {kept}: run the same command again to go on."
    _write(line)


def _write(line: str) -> None:
    """One line on standard error, where it can be written, without control characters; the cursor comes back."""
    line = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr.isatty():
            line = f"\x1b[?25h\r\x1b[K{line}"
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _nothing(number: int, frame: FrameType | None) -> None:
    """A handler that does nothing."""

"""Progress on standard error: bars on a terminal; elsewhere a line a stage, and one every ten seconds within it."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from roughntk.commands.terminal.console import err_console

EVERY = 10.0
"""Seconds between two lines within a stage, where there is no terminal."""

Report = Callable[[str, int, int], None]
"""Called as report(stage, steps done, steps in all)."""


@contextlib.contextmanager
def stages(quiet: bool) -> Iterator[Report]:
    """A place to report the steps of stages to."""
    if quiet:
        yield lambda stage, done, total: None
        return
    if not err_console.is_terminal:
        with _Lines() as lines:
            yield lines.report
        return
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err_console) as bars:
        tasks: dict[str, object] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total or None)
            bars.update(tasks[stage], completed=done)  # type: ignore[arg-type]

        yield report


@contextlib.contextmanager
def at_work(what: str, quiet: bool) -> Iterator[None]:
    """Shows that one long step is under way, and for how long; nothing of it stays."""
    if quiet:
        yield
    elif err_console.is_terminal:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=err_console, transient=True) as bars:
            bars.add_task(what, total=None)
            yield
    else:
        with _Lines() as lines:
            lines.report(what, 0, 0)
            yield


class _Lines:
    """Progress without a terminal; a thread of its own says every `EVERY` seconds how far a stage is."""

    def __init__(self) -> None:
        self._stage: tuple[str, int, int] | None = None
        self._begun = time.monotonic()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_Lines":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def report(self, stage: str, done: int, total: int) -> None:
        with self._lock:
            if self._stage is None or self._stage[0] != stage:
                self._begun = time.monotonic()
            self._stage = (stage, done, total)
            if done == total and total:
                err_console.print(Text(f"{stage}: {total} done"))
                self._stage = None

    def _watch(self) -> None:
        while not self._ended.wait(EVERY):
            with self._lock:
                if self._stage is None:
                    continue
                stage, done, total = self._stage
                seconds = time.monotonic() - self._begun
                far = f"{done} of {total}, " if total else f"{done} done, " if done else ""
                err_console.print(Text(f"{stage}: {far}at work for {seconds:.0f} s"))


__all__ = ["EVERY", "Report", "at_work", "stages"]

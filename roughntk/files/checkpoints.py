"""What a long computation has found so far, in a folder: a run that was ended at any moment goes on from there.

A computation has sections, as the stages of a study, and a section has steps. The results of the steps are saved when
a section is finished, and within one at least every `EVERY` seconds, or after the step that takes longer. A loop that
is one step, as the iteration of a solver, saves its state likewise.

A section is one file: an archive of arrays (`numpy.load` reads it, without pickles), and behind it the SHA-256 of all
before it, by which a file that was cut off or changed is known before anything in it is looked at. It is written beside
the old one, flushed to the disk, and takes its place by a rename. It says which problem it belongs to (`Problem`), and
one of another problem is refused.

>>> import tempfile
>>> problem = Problem({"data": "of this example"})
>>> def run(folder):
...     with Checkpoint(folder, problem, ["sums"]) as checkpoint:
...         section = checkpoint.section("sums")
...         total = sum(section.kept(f"term {k}", lambda k=k: print("computed") or k) for k in range(2))
...         section.finish()
...     return total
>>> with tempfile.TemporaryDirectory() as folder:
...     run(folder), run(folder)
computed
computed
(1, 1)
"""

import contextlib
import dataclasses
import hashlib
import io
import json
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

import numpy as np

from roughntk import _process
from roughntk._checks import InputError
from roughntk.files import manifest
from roughntk.files.packed import pack, unpack
from roughntk.files.running import Lock

T = TypeVar("T")

EVERY = 30.0
"""Seconds between two saves within a section."""
KIND = "unfinished"
"""Of the folder, in its list of files."""
SUFFIX = ".npz"
LOCK = "lock"
_FORMAT = 1
_DIGEST_BYTES = hashlib.sha256().digest_size
_HEADER = "header"


class CheckpointError(InputError):
    """A checkpoint that cannot be gone on from: of another problem, damaged, or in use."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is computed.

    Attributes:
        parts: what fixes the result, in words or as a hash (`roughntk.files.packed.digest`), by names for a person:
            data, settings, versions.
        place: what may change its last digits, as the processor. It is remembered, and no reason to refuse.
    """

    parts: Mapping[str, str]
    place: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of the parts."""
        return hashlib.sha256(json.dumps(dict(self.parts), sort_keys=True).encode()).hexdigest()

    def differences(self, parts: Mapping[str, str], most: int = 4) -> str:
        """In which parts another problem differs, in words.

        >>> Problem({"points": "20", "p": "2"}).differences({"points": "40", "p": "2"})
        'points (40 there, 20 here)'
        """
        names = [name for name in {**self.parts, **parts} if self.parts.get(name) != parts.get(name)]
        words = []
        for name in names[:most]:
            here, there = self.parts.get(name, "nothing"), parts.get(name, "nothing")
            long = max(len(here), len(there)) > 40
            words.append(name if long else f"{name} ({there} there, {here} here)")
        return ", ".join(words) + (f" and {len(names) - most} more" if len(names) > most else "")


class Keeper(Protocol):
    """Where the results of steps are kept."""

    def kept(self, key: str, work: Callable[[], T]) -> T:
        """What `work` gave when this step was first done."""
        ...

    def offer(self, key: str, state: Callable[[], Any]) -> None:
        """Take the state of a loop, if it is time to save."""
        ...

    def recall(self, key: str) -> Any:
        """The state that was saved last; None if there is none."""
        ...

    def drop(self, key: str) -> None:
        """A state is not needed any more."""
        ...


class Unkept:
    """Nothing is kept: every step is computed."""

    seconds = 0.0

    def kept(self, key: str, work: Callable[[], T]) -> T:
        """As `Keeper`."""
        return work()

    def offer(self, key: str, state: Callable[[], Any]) -> None:
        """As `Keeper`."""

    def recall(self, key: str) -> Any:
        """As `Keeper`."""
        return None

    def drop(self, key: str) -> None:
        """As `Keeper`."""

    def finish(self) -> None:
        """As `Section`."""


UNKEPT = Unkept()


class Section:
    """One part of a computation, whose steps are kept.

    Attributes:
        seconds: that it has taken, in all runs together, when it was saved last.
    """

    def __init__(self, checkpoint: "Checkpoint", name: str, content: dict[str, Any], seconds: float):
        self._checkpoint, self.name, self._values, self.seconds = checkpoint, name, content, seconds
        self._begun, self.complete = checkpoint.clock(), False

    def kept(self, key: str, work: Callable[[], T]) -> T:
        """What `work` gave when this step was first done.

        Args:
            key: the name of the step in this section.
            work: computes it: numbers, texts, arrays and lists, tuples, dictionaries or `kinds` of these.
        """
        if key not in self._values:
            self._values[key] = work()
            self._checkpoint.save_if_due(self)
        return self._values[key]

    def offer(self, key: str, state: Callable[[], Any]) -> None:
        """Take the state of a loop, if it is time to save; it takes the place of an earlier one."""
        if self._checkpoint.is_due:
            self._values[key] = state()
            self._checkpoint.save_if_due(self)

    def recall(self, key: str) -> Any:
        """The state that was saved last; None if there is none."""
        return self._values.get(key)

    def drop(self, key: str) -> None:
        """The state of a loop that has ended is not needed any more."""
        self._values.pop(key, None)

    def finish(self) -> None:
        """Save all of it: nothing comes any more."""
        if self.name not in self._checkpoint.done:
            self.complete = True
            self._checkpoint.save(self)
        self._values = {}

    def packed(self) -> dict[str, np.ndarray]:
        """What is written."""
        packed = pack(self._values, self._checkpoint.kinds)
        header = {
            "format": _FORMAT, "problem": dict(self._checkpoint.problem.parts),
            "place": dict(self._checkpoint.problem.place), "section": self.name, "complete": self.complete,
            "seconds": self.seconds + self._checkpoint.clock() - self._begun, "steps": len(self._values),
            "tree": packed.tree,
        }  # fmt: skip
        return packed.arrays | {_HEADER: np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)}


class Checkpoint:
    """What a computation has found so far.

    Args:
        folder: which is made if it is not there, and holds nothing else.
        problem: what is computed.
        sections: the names of all its sections, each as a name of a file.
        kinds: classes of results (`roughntk.files.packed`).
        every: seconds between two saves within a section.
        clock: gives the seconds.
        remedy: what to do about a folder that cannot be gone on from, beside removing it.

    Attributes:
        done: sections that were finished before.
        begun: steps of those that were begun before.
        moved: whether what there was comes from another processor.

    Raises:
        CheckpointError: a folder of another problem, a damaged file in it, another run that is at it, other files, or
            one that cannot be written. Nothing is changed then.
    """

    def __init__(
        self, folder: str | Path, problem: Problem, sections: Sequence[str], *, kinds: Sequence[type] = (),
        every: float = EVERY, clock: Callable[[], float] = time.monotonic, remedy: str = "or choose another folder",
    ):  # fmt: skip
        self.folder, self.problem, self.sections = Path(os.path.abspath(folder)), problem, tuple(sections)
        self.kinds, self.every, self.clock, self.remedy = tuple(kinds), every, clock, remedy
        self.done: set[str] = set()
        self.begun: dict[str, int] = {}
        self.moved, self._warned = False, False
        self._unsaved: dict[str, dict[str, np.ndarray]] = {}
        try:
            for attempt in (1, 2, 3):
                try:
                    self._open()
                    break
                except FileNotFoundError:  # another run has just ended, and removed the folder
                    if attempt == 3:
                        raise
        except OSError as error:
            raise CheckpointError(
                f"expected a folder that can be written for a checkpoint, got {self.folder} "
                f"({error.strerror or error}); {remedy.removeprefix('or ')}"
            ) from None
        self._last = self.clock()

    def _open(self) -> None:
        _check_own(self.folder, self.remedy)
        self.folder.mkdir(parents=True, exist_ok=True)
        files = [name for section in self.sections for name in (f"{section}{SUFFIX}", f"{section}{SUFFIX}.new")]
        names = (*files, LOCK, manifest.NEW, manifest.NAME)
        _process.keep_if_killed(self.folder, SUFFIX, names)
        if manifest.read(self.folder) is None:
            manifest.begin(self.folder, KIND, names)
        self._lock = Lock(self.folder / LOCK)
        if not self._lock.taken:
            raise CheckpointError(
                f"expected one run at a time of one computation, got another{self._lock.by} that is at it and saves in "
                f"{self.folder}; wait for its end, {self.remedy}"
            )
        try:
            for name in self.sections:
                self._look(name)
        except BaseException:
            self._lock.release()
            raise

    def _look(self, name: str) -> None:
        """What there is of a section."""
        header = read_header(self._path(name), self.remedy)
        if header is None:
            return
        if different := self.problem.differences(header["problem"]):
            raise CheckpointError(
                f"expected a checkpoint of this problem, got {self._path(name)}, which is of another: it differs in "
                f"{different}; go on with the other one, remove {self.folder}, {self.remedy}"
            )
        if header["complete"]:
            self.done.add(name)
        else:
            self.begun[name] = header["steps"]
        self.moved |= header["place"] != dict(self.problem.place)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"

    def section(self, name: str) -> Section:
        """The section of that name, with what is known of it."""
        if name not in self.done and name not in self.begun:
            return Section(self, name, {}, 0.0)
        header, values = read(self._path(name), self.kinds, self.remedy)
        return Section(self, name, values, header["seconds"])

    @property
    def is_due(self) -> bool:
        """Whether it is time to save."""
        return self.clock() - self._last >= self.every

    def save_if_due(self, section: Section) -> None:
        """Save a section if it is time."""
        if self.is_due:
            self.save(section)

    def save(self, section: Section) -> None:
        """Save a section, and those that could not be saved before. Where that fails a warning says so, once."""
        try:
            self._unsaved[section.name] = section.packed()
            for name in list(self._unsaved):
                write(self._path(name), self._unsaved[name])
                del self._unsaved[name]
            self._warned = False
        except (OSError, TypeError) as error:
            if not section.complete:  # there will be more of it
                self._unsaved.pop(section.name, None)
            if not self._warned:
                self._warned = True
                why = error.strerror if isinstance(error, OSError) and error.strerror else error
                warnings.warn(
                    f"{section.name} cannot be saved in {self.folder} ({why}): the computation goes on, what was saved "
                    f"before stays, and it is tried again later; make room there",
                    RuntimeWarning,
                    stacklevel=4,
                )
        self._last = self.clock()

    @property
    def holds_results(self) -> bool:
        """Whether a section has been saved."""
        return any(self._path(name).exists() for name in self.sections)

    def close(self) -> None:
        """Give the folder free. One in which nothing was saved is removed."""
        if not self._lock.taken:
            return
        if not self.holds_results:
            manifest.remove(self.folder)
        self._lock.release()

    def remove(self) -> list[str]:
        """Remove the folder, and give it free; what else is in it is returned, and nothing is removed then."""
        left = manifest.remove(self.folder)
        self._lock.release()
        return left

    def __enter__(self) -> "Checkpoint":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class LoopState:
    """The state of a loop that is one step of a section, as `roughntk.linalg.iterative.States` has it."""

    def __init__(self, keeper: Keeper, key: str):
        self._keeper, self._key = keeper, f"{key} under way"

    def offer(self, state: Callable[[], dict[str, Any]]) -> None:
        """Take the state, if it is time to save."""
        self._keeper.offer(self._key, state)

    def recall(self) -> dict[str, Any] | None:
        """The state that was saved last."""
        state: dict[str, Any] | None = self._keeper.recall(self._key)
        return state

    def drop(self) -> None:
        """The loop has ended."""
        self._keeper.drop(self._key)


def kept_solve(keeper: Keeper, key: str, solve: Callable[..., T], *arguments: Any, **more: Any) -> T:
    """What `solve(*arguments, states=..., **more)` gives, the state of whose loop is kept until it has ended."""

    def work() -> T:
        states = LoopState(keeper, key)
        solved = solve(*arguments, states=states, **more)
        states.drop()
        return solved

    return keeper.kept(key, work)


def _check_own(folder: Path, remedy: str) -> None:
    """Raise `CheckpointError` for a folder that holds what is no checkpoint."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise CheckpointError(
            f"expected {folder} to be a folder or not to exist, got a file or link; remove it, {remedy}"
        )
    record = manifest.read(folder)
    others = sorted({each.name for each in folder.iterdir()} - {LOCK}) if folder.is_dir() else []
    if record is None and others not in ([], [manifest.NEW]):
        raise CheckpointError(
            f"expected {folder} to be a checkpoint, new or empty, got a folder with other files, as {others[0]}; move "
            f"them away, {remedy}"
        )
    if record is not None and record["kind"] != KIND:
        raise CheckpointError(
            f"expected {folder} to be a checkpoint, got a result of another kind; {remedy.removeprefix('or ')}"
        )


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as a file that takes the place of `path` when all of it is on the disk.

    Raises:
        OSError: it cannot be written; `path` is as it was.
    """
    new = path.with_name(path.name + ".new")
    try:
        with open(new, "w+b") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
            stream.flush()
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").digest()
            stream.seek(0, io.SEEK_END)
            stream.write(digest)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(new, path)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    with contextlib.suppress(OSError):  # where a folder cannot be opened, the rename reaches the disk a little later
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read_header(path: Path, remedy: str) -> dict[str, Any] | None:
    """What a file says of itself; None where there is none. Raises `CheckpointError` for one that is damaged."""
    if not path.exists():
        return None
    with _opened(path, remedy) as archive:
        return _header_of(path, archive, remedy)


def read(path: Path, kinds: Sequence[type], remedy: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a file says of itself, and the results in it. Raises `CheckpointError` for one that is damaged."""
    with _opened(path, remedy) as archive:
        header = _header_of(path, archive, remedy)
        arrays = {name: archive[name] for name in archive.files if name != _HEADER}
    return header, unpack(header.pop("tree"), arrays, kinds)


@contextlib.contextmanager
def _opened(path: Path, remedy: str):
    """The archive of a file whose hash is right."""
    try:
        with open(path, "rb") as stream:
            if _is_whole(stream):
                stream.seek(0)
                with np.load(stream, allow_pickle=False) as archive:
                    yield archive
                return
        problem = "which is damaged or not whole"
    except OSError as error:
        problem = f"which cannot be read ({error.strerror or error})"
    raise _unusable(path, problem, remedy)


def _is_whole(stream: IO[bytes]) -> bool:
    """Whether the last bytes are the hash of all before them."""
    rest = os.fstat(stream.fileno()).st_size - _DIGEST_BYTES
    hashed = hashlib.sha256()
    while rest > 0 and (piece := stream.read(min(2**20, rest))):
        hashed.update(piece)
        rest -= len(piece)
    return rest == 0 and stream.read() == hashed.digest()


def _header_of(path: Path, archive: Any, remedy: str) -> dict[str, Any]:
    header = json.loads(archive[_HEADER].tobytes()) if _HEADER in archive.files else {}
    if header.get("format") != _FORMAT:
        raise _unusable(path, "which another version of this program has written", remedy)
    return header


def _unusable(path: Path, problem: str, remedy: str) -> CheckpointError:
    return CheckpointError(
        f"expected a whole checkpoint of this program, got {path}, {problem}; remove that file, so that this part is "
        f"computed again, {remedy}"
    )


__all__ = [
    "EVERY", "KIND", "SUFFIX", "UNKEPT", "Checkpoint", "CheckpointError", "Keeper", "LoopState", "Problem", "Section",
    "Unkept", "kept_solve", "read", "read_header", "write",
]  # fmt: skip

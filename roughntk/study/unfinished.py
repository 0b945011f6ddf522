"""What a study has found so far, kept beside its folder until it is finished: the next run with the same data and
settings goes on from there.

The folder `.NAME.unfinished-HASH` stands beside the output folder NAME; the hash is that of the data, the settings and
the versions of whatever computes. A run with others leaves it alone, and says that it is there.
"""

import contextlib
import dataclasses
import glob
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp

from roughntk import rough, sphere
from roughntk.files import folders, manifest, running
from roughntk.files.checkpoints import (
    KIND,
    LOCK,
    SUFFIX,
    UNKEPT,
    Checkpoint,
    CheckpointError,
    Problem,
    Section,
    Unkept,
    read_header,
)
from roughntk.files.packed import digest
from roughntk.files.surroundings import place, versions
from roughntk.kernels import KernelFamily
from roughntk.kernels.engine.deflated import Deflated
from roughntk.linalg import Solution
from roughntk.study.analysis.closed_form import values_at
from roughntk.study.analysis.prediction import Baselines, Trained
from roughntk.study.analysis.signatures import BackendView
from roughntk.study.config import StudyConfig
from roughntk.study.data import DataSet, Held

Tell = Callable[[str], None]
"""Called with a sentence for the user."""

KINDS = (Solution, Deflated, BackendView, Trained, Baselines)
"""Results of steps that are more than numbers, texts and arrays."""
FAILURES = (ValueError, ArithmeticError, RuntimeError, MemoryError)
"""What a family may raise that is no reason to lose the studies of others."""
REMEDY = "or begin afresh with --no-resume (resume=False)"


def problem_of(data: DataSet, configs: Sequence[StudyConfig]) -> Problem:
    """What studies of these data compute."""
    first = configs[0]
    parts = {}
    for name, value in first.as_dict().items():
        if name not in ("data", "family"):  # the path of a file is no matter
            parts[name.replace("_", " ")] = str(value)
    for config in configs:
        name = config.family_name
        parts["family" if len(configs) == 1 else f"family {name}"] = name
        if isinstance(config.family, KernelFamily):
            parts[f"values of the family {name}"] = _values_of(config, data)
    parts["data"] = digest(_plain(data), (Held,))
    parts |= versions(rough.available_backends())
    return Problem(parts, place())


def _plain(data: DataSet) -> dict[str, Any]:
    """All that a study takes from its data."""
    return {field.name: getattr(data, field.name) for field in dataclasses.fields(data)}


def _values_of(config: StudyConfig, data: DataSet) -> str:
    """A hash of a family that is no name: what its functions are cannot be told, but what they give on the data."""
    family, theta = config.member(), sphere.joint_angles(data.X, data.x)
    try:
        values: Any = values_at(family, jnp.asarray(theta), config.chosen_depths)
    except FAILURES as problem:  # the study will say so
        values = str(problem)
    return digest([type(family).__qualname__, values])


class Progress:
    """The checkpoint of a study, or of several, whose sections are the stages of each.

    Attributes:
        checkpoint: None where nothing is kept.
    """

    def __init__(self, checkpoint: Checkpoint | None = None, member: str = ""):
        self.checkpoint, self._member = checkpoint, member

    def section(self, stage: str) -> Section | Unkept:
        """Where the steps of a stage are kept."""
        if self.checkpoint is None:
            return UNKEPT
        return self.checkpoint.section(section_name(stage, self._member))

    def of(self, member: str) -> "Progress":
        """That of one study among several."""
        return Progress(self.checkpoint, member)


NOTHING = Progress()


def section_name(stage: str, member: str = "") -> str:
    """The name of a file."""
    return ".".join(filter(None, [member, stage.replace(" ", "-")]))


class Writing:
    """A report that is being written.

    Attributes:
        folder: to write it into.
    """

    def __init__(self, out: str | Path, folder: Path, resume: bool, tell: Tell):
        self.folder, self._out, self._resume, self._tell = folder, out, resume, tell
        self._checkpoint: Checkpoint | None = None

    def begin(self, problem: Problem, sections: Sequence[str], kinds: Sequence[type] = KINDS) -> Progress:
        """Take up what was found before; `kinds` are the classes of results.

        Raises:
            CheckpointError: it is damaged, or another run is at it.
        """
        folder = folders.beside(self._out, f"unfinished-{problem.digest[:12]}")
        if not self._resume and folder.is_dir() and not running.is_held(folder / LOCK):
            manifest.remove(folder)
        self._checkpoint = Checkpoint(folder, problem, sections, kinds=kinds, remedy=REMEDY)
        for line in (*_begun(self._checkpoint, self._out), *_others(self._checkpoint, self._out)):
            self._tell(line)
        return Progress(self._checkpoint)

    def leave(self) -> None:
        """The run has ended before it had finished."""
        if self._checkpoint is not None:
            self._checkpoint.close()

    def say_what_stays(self) -> None:
        """Where to go on."""
        if self._checkpoint is not None and self._checkpoint.holds_results:
            self._tell(f"What was finished is in {self._checkpoint.folder}: the same run again goes on from there.")

    def finish(self) -> None:
        """The report is in its place."""
        if self._checkpoint is not None:
            folders.warn_of(self._checkpoint.folder, self._checkpoint.remove())


@contextlib.contextmanager
def written(out: str | Path, own: tuple[str, ...], resume: bool, tell: Tell) -> Iterator[Writing]:
    """A report that takes the place of `out` (`roughntk.files.folders.replacing`), and what is found on the way."""
    writing = None
    try:
        with folders.replacing(out, own) as folder:
            writing = Writing(out, folder, resume, tell)
            try:
                yield writing
            except BaseException:
                writing.leave()  # before the folders above are removed that were made
                raise
    except BaseException:
        if writing is not None:
            writing.leave()
            writing.say_what_stays()
        raise
    writing.finish()


def _begun(checkpoint: Checkpoint, out: str | Path) -> Iterator[str]:
    """What is known already."""
    if not checkpoint.done and not checkpoint.begun:
        return
    partly = "".join(f", and {steps} steps of {name}" for name, steps in checkpoint.begun.items())
    moved = "; it was begun on another processor, so that last digits may differ" if checkpoint.moved else ""
    count = len(checkpoint.sections)
    yield f"Resuming {out}: {len(checkpoint.done)} of {count} stages were done{partly}{moved}."


def _others(checkpoint: Checkpoint, out: str | Path) -> Iterator[str]:
    """Unfinished runs with other data or settings, which are left as they are; those without results are removed."""
    prefix = folders.beside(out, "unfinished-")
    for folder in sorted(prefix.parent.glob(glob.escape(prefix.name) + "*")):
        record = manifest.read(folder)
        if folder == checkpoint.folder or record is None or record["kind"] != KIND:
            continue
        if running.is_held(folder / LOCK):
            continue
        if saved := sorted(folder.glob(f"*{SUFFIX}")):
            yield (
                f"{folder} holds an unfinished run {_unlike(checkpoint, saved[0])}; it is kept: go on with it by "
                f"its own settings, or remove it."
            )
        else:
            manifest.remove(folder)


def _unlike(checkpoint: Checkpoint, saved: Path) -> str:
    """In what another run differs."""
    try:
        header = read_header(saved, REMEDY)
    except CheckpointError:
        return "that is damaged"
    return f"that differs in {checkpoint.problem.differences((header or {'problem': {}})['problem'])}"


__all__ = [
    "FAILURES",
    "KINDS",
    "NOTHING",
    "Progress",
    "Tell",
    "Writing",
    "problem_of",
    "section_name",
    "written",
]

"""Predictions that are kept in a folder while they are computed: each depth, and the solve that is under way."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from roughntk.commands.answers.predictions import AtDepth, Training
from roughntk.files import folders
from roughntk.files.checkpoints import UNKEPT, Checkpoint, Problem, Section, Unkept
from roughntk.files.packed import digest
from roughntk.files.surroundings import place, versions
from roughntk.kernels import KernelFamily
from roughntk.regression.kept import KINDS, check_one_process, described_devices, rows_digest
from roughntk.study.split import Split

REMEDY = "or name another --checkpoint"


@contextlib.contextmanager
def checkpointed(
    folder: str | None, family: KernelFamily, data: Split, training: Training, devices: Any,
    tell: Callable[[str], None],
) -> Iterator[Callable[[float], Section | Unkept]]:  # fmt: skip
    """What keeps a depth in `folder`, which is removed when the block ends without an exception.

    Without a folder nothing is kept.

    Raises:
        CheckpointError: the folder holds another problem, is damaged, or another run is at it.
    """
    if folder is None:
        yield lambda depth: UNKEPT
        return
    check_one_process()
    parts = {
        "depths": ", ".join(map(repr, training.depths)),
        "time": repr(training.time),
        "ridge": repr(training.ridge),
    }
    parts |= {"family": f"{family.name} {family!r}"} | described_devices(devices)
    parts |= {"training points": rows_digest(data.X), "test points": rows_digest(data.x)}
    parts |= {"targets": digest([data.y, data.wanted, data.classes])} | versions()
    sections = [_name_of(depth) for depth in training.depths]
    with Checkpoint(
        folder, Problem(parts, place()), sections, kinds=(AtDepth, *KINDS), remedy=REMEDY
    ) as checkpoint:  # fmt: skip
        if checkpoint.done or checkpoint.begun:
            begun = ", and one was begun" if checkpoint.begun else ""
            tell(f"Resuming {folder}: {len(checkpoint.done)} of {len(sections)} depths were done{begun}.")
        yield lambda depth: checkpoint.section(_name_of(depth))
        folders.warn_of(checkpoint.folder, checkpoint.remove())


def _name_of(depth: float) -> str:
    """The name of the file of a depth."""
    return f"depth-{depth!r}"


__all__ = ["checkpointed"]

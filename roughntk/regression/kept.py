"""A solve that is kept in a folder: the state of its iteration while it goes on, and what it found."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from roughntk._checks import InputError
from roughntk.files.checkpoints import Checkpoint, Problem, Section
from roughntk.files.packed import digest
from roughntk.files.surroundings import place, versions
from roughntk.kernels import KernelFamily
from roughntk.linalg import Solution
from roughntk.linalg.iterative import Iterated

KINDS = (Solution, Iterated)
"""Results that are more than numbers, texts and arrays."""
PROBES = (-0.9, -0.3, 0.2, 0.7, 0.99)
"""Correlations at which a family is looked at, whose functions cannot be compared."""
NAME = "solve"


def described(family: KernelFamily, depth: float) -> dict[str, str]:
    """A family as parts of a problem: its settings, and what it gives, to six digits, on which no processor decides."""
    try:
        values = ", ".join(f"{value:.6g}" for value in np.asarray(family.at_correlation(jnp.array(PROBES), depth)))
    except (ValueError, ArithmeticError, RuntimeError) as problem:  # the solve will say so
        values = str(problem)
    return {"family": f"{family.name} {family!r}", "values of the family": values}


def check_one_process() -> None:
    """Raise `InputError` in a run of several processes, each of which would save the same."""
    if jax.process_count() > 1:
        raise InputError(
            f"expected one process with a checkpoint, got {jax.process_count()}; leave the checkpoint out, or take the "
            f"devices of one host"
        )


def described_devices(devices: Any) -> dict[str, str]:
    """Devices, whose number and kind change last digits, as parts of a problem; `devices` as of `KernelOperator`."""
    if devices is None:
        return {"devices": "none"}
    from roughntk.regression.sharded import mesh_of  # loads what several processes take

    mesh = mesh_of(devices)
    return {"devices": f"{mesh.devices.size} ({', '.join(sorted({each.device_kind for each in mesh.devices.flat}))})"}


@contextlib.contextmanager
def section(
    folder: str | Path, family: KernelFamily, X: np.ndarray, x: np.ndarray, depth: float, method: str,
    devices: Any = None,
) -> Iterator[Section]:  # fmt: skip
    """Where a solve is kept.

    Raises:
        CheckpointError: the folder holds another problem, is damaged, or another run is at it.
    """
    check_one_process()
    parts = {"depth": f"{depth:.17g}", "method": method} | described(family, depth) | described_devices(devices)
    parts |= {"X": rows_digest(X), "x": rows_digest(x)} | versions()
    with Checkpoint(folder, Problem(parts, place()), [NAME], kinds=KINDS) as checkpoint:
        yield checkpoint.section(NAME)


def rows_digest(rows: Any) -> str:
    """A hash of rows, which may be on a disk."""
    return digest(np.asarray(rows))


__all__ = ["KINDS", "check_one_process", "described", "described_devices", "rows_digest", "section"]

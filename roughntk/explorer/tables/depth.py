"""The table of the panel "Depth": the kernels of `families`, and the points that it begins with."""

import math
from typing import Any

import numpy as np

from roughntk import sphere
from roughntk._checks import InputError
from roughntk.explorer.points import ExplorerPoints
from roughntk.explorer.tables.families import TOLERANCE, kernel_table
from roughntk.explorer.tables.stored import stored_table
from roughntk.kernels import KernelFamily, family


def table(points: ExplorerPoints) -> dict[str, Any]:
    """What the panel is given.

    Returns:
        `members`, the tables of `families.depth_table`; `tolerance`, which their errors stay below; and, where there
        are data, `data`: their name, dimension, coordinates and targets; `start`, the member and the depth that the
        panel begins with; `same`, the angle up to which two points are one.

    Raises:
        InputError: a family that cannot be tabulated, or a depth that its table does not have.
    """
    data: dict[str, Any] | None = None
    if points.name is not None:
        vectors, test = _coordinates(points)
        data = {
            "name": points.name,
            "dimension": points.X.shape[1],
            "vectors": vectors.tolist(),
            "test": test.tolist(),
            "targets": points.y.tolist(),
            "rows": list(points.rows),
        }
    members = stored_table("depth")
    key = _key(points.family, members)
    if key is None:
        key = points.family.name + " of the command"
        members[key] = _own_table(points.family)
    _check_depth(members[key], points.depth)
    start = {"member": key, "depth": "inf" if points.depth == math.inf else points.depth}
    return {"members": members, "tolerance": TOLERANCE, "data": data, "start": start, "same": sphere.SAME_ANGLE}


def _key(kernel: KernelFamily, members: dict[str, Any]) -> str | None:
    """The stored table of this family, if there is one."""
    for key, member in members.items():
        if member["family"] == kernel.name:
            stored = family(kernel.name, **member["parameters"]).settings
            if all(_same(stored[name], value) for name, value in kernel.settings.items()):
                return key
    return None


def _same(stored: Any, given: Any) -> bool:
    return stored == given if isinstance(given, str) else float(stored) == float(given)


def _own_table(kernel: KernelFamily) -> dict[str, Any]:
    """The table of a family that has no stored one; it takes seconds to a minute."""
    settings = {name: value if isinstance(value, str) else float(value) for name, value in kernel.settings.items()}
    described = ", ".join(
        f"{name} {value if isinstance(value, str) else f'{value:g}'}" for name, value in settings.items()
    )
    try:
        return kernel_table(kernel, described or "no parameters", settings)
    except ArithmeticError as error:
        raise InputError(
            f"expected a family whose kernel the page can interpolate within {TOLERANCE:g}, got {kernel.name} "
            f"({described}): {error}; choose another family or other parameters"
        ) from None


def _check_depth(member: dict[str, Any], depth: float) -> None:
    """Refuse a depth to begin with that the panel does not have."""
    if (
        "bands" in member
        or (depth == math.inf and member["limit"])
        or depth in [each["depth"] for each in member["stops"]]
    ):
        return
    known = [f"{each['depth']}" for each in member["stops"]] + ["inf"] * bool(member["limit"])
    raise InputError(
        f"expected one of the depths that the page has for {member['family']}, which has no real depth, got {depth:g}; "
        f"choose one of {', '.join(known)}"
    )


def _coordinates(points: ExplorerPoints) -> tuple[np.ndarray, np.ndarray]:
    """The points as they are in 2 or 3 dimensions; else in the coordinates of the space that they span.

    A turn of the sphere keeps every angle, and these are all that a kernel sees.
    """
    both = np.concatenate([points.X, points.x])
    if both.shape[1] > 3:
        both = np.asarray(np.linalg.qr(both.T, mode="r")).T
        both = both / np.linalg.norm(both, axis=1, keepdims=True)
    return both[:-1], both[-1]


__all__ = ["table"]

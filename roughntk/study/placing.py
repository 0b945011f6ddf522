"""Rows as they were read come onto the sphere: without the second of two, standardised, projected.

In memory at once; on a disk (`roughntk.files.rows`) a part at a time, with the same result.
"""

from collections.abc import Callable, Iterable

import numpy as np

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.files.rows.scratch import Scratch

Change = Callable[[np.ndarray], np.ndarray]
"""Rows -> rows."""
TOGETHER = 2**20
"""Entries of rows on a disk that are looked at together (8 MiB)."""


def parts(values: np.ndarray) -> Iterable[slice]:
    """All rows of an array in memory; of one on a disk some after others."""
    if _checks.stored(values) is None:
        return [slice(0, len(values))]
    return _checks.pieces(len(values), values.shape[1], TOGETHER)


def taken(values: np.ndarray, rows: np.ndarray, scratch: Scratch | None, what: str) -> np.ndarray:
    """The rows of those numbers, in that order; on a disk again where there is a folder for them."""
    if scratch is None:
        return values[rows]
    out = scratch.matrix(len(rows), values.shape[1], what)
    for part in _checks.pieces(len(rows), values.shape[1], TOGETHER):
        order = np.argsort(rows[part])  # read in the order in which they stand on the disk
        block = np.empty((len(order), values.shape[1]))
        block[order] = values[rows[part][order]]
        out[part] = block
    return scratch.finished(out)


def first_of_each(
    raw: np.ndarray, pool: np.ndarray, projection: str, standardise: bool, scratch: Scratch | None = None
) -> np.ndarray:
    """The first of the rows that land on one point; of equal rows, where standardising comes before the projection."""
    if scratch is not None:
        return _first_of_each_on_a_disk(raw, pool, projection, standardise, scratch)
    if standardise:
        return pool[np.sort(np.unique(raw[pool], axis=0, return_index=True)[1])]
    keep = pool[raw[pool].any(axis=1)] if projection == "canonical" else pool
    return keep[sphere.distinct_rows(raw[keep], projection=projection)]


def _first_of_each_on_a_disk(
    raw: np.ndarray, pool: np.ndarray, projection: str, standardise: bool, scratch: Scratch
) -> np.ndarray:
    """`first_of_each`, a part at a time."""
    pieces = [pool[part] for part in _checks.pieces(len(pool), raw.shape[1], TOGETHER)]
    if standardise:
        sums = np.concatenate([_sums(raw[rows]) for rows in pieces])
        _, first, group = np.unique(sums, return_index=True, return_inverse=True)
        heads = pool[first][group]
        # rows of one sum are equal, but for chance
        equal = [(raw[rows] == raw[head]).all(axis=1) for rows, head in zip(
            pieces, np.split(heads, np.cumsum([len(rows) for rows in pieces])[:-1]), strict=True
        )]  # fmt: skip
        return pool[(heads == pool) | ~np.concatenate(equal)]
    keep = pool
    if projection == "canonical":
        keep = np.concatenate([rows[raw[rows].any(axis=1)] for rows in pieces])
    unit = on_sphere(raw, keep, projection, scratch=scratch, numbers=keep)
    gone = [j for _, j in sphere.coincident_rows(unit)]
    scratch.remove(unit)
    return np.delete(keep, gone)


def _sums(block: np.ndarray) -> np.ndarray:
    """A whole number for each row, the same for equal rows, and for others but for a chance of 2^-64."""
    weights = np.random.default_rng(0).integers(2**64, size=block.shape[1], dtype=np.uint64) | np.uint64(1)
    return ((block + 0.0).view(np.uint64) * weights).sum(axis=1)  # + 0.0: -0 is 0


def standardised(chosen: np.ndarray, points: int, names: tuple[str, ...]) -> tuple[np.ndarray, str]:
    """Columns of mean 0 and standard deviation 1 on the first `points` rows; columns that are constant there go."""
    change, sentence = standardising(chosen[:points], names)
    return change(chosen), sentence


def standardising(train: np.ndarray, names: tuple[str, ...]) -> tuple[Change, str]:
    """What gives columns mean 0 and standard deviation 1 on these rows, and leaves out those that are constant there.

    Raises:
        InputError: all are.
    """
    count = len(train)
    scale = np.max([np.abs(train[part]).max(axis=0) for part in parts(train)], axis=0)
    scale[scale == 0] = 1.0
    # In units of the largest entry, so that squares stay within float64.
    mean = sum((train[part] / scale).sum(axis=0) for part in parts(train)) / count
    spread = np.sqrt(sum(((train[part] / scale - mean) ** 2).sum(axis=0) for part in parts(train)) / count)
    varies = np.any([(train[part] != train[:1]).any(axis=0) for part in parts(train)], axis=0) & (spread > 0)
    if not varies.any():
        raise InputError(
            f"expected columns that vary over the {count} training points, got none to standardise; use more points"
        )
    gone = [names[j] or f"column {j + 1}" for j in np.flatnonzero(~varies)]
    left = f"; {len(gone)} constant on the training points left out ({_shortened(gone)})" if gone else ""

    def change(rows: np.ndarray) -> np.ndarray:
        return (rows[:, varies] / scale[varies] - mean[varies]) / spread[varies]

    return change, f"Columns are standardised by mean and standard deviation of the training points{left}."


def _shortened(words: list[str], most: int = 6) -> str:
    return ", ".join(words if len(words) <= most else [*words[: most - 1], "..."])


def radius_of(train: np.ndarray, change: Change | None = None) -> float:
    """The root mean square of the lengths of rows, 1 where all are 0."""
    lengths = np.concatenate([sphere.lengths(_changed(train[part], change)) for part in parts(train)])
    largest = float(lengths.max())
    return largest * float(np.sqrt(np.mean((lengths / largest) ** 2))) if largest > 0 else 1.0


def _changed(block: np.ndarray, change: Change | None) -> np.ndarray:
    return block if change is None else change(block)


def check_distinct(unit: np.ndarray, chosen: np.ndarray, rows: np.ndarray, projection: str, name: str) -> None:
    """Raise `InputError` where training points coincide, naming rows of the source."""
    pairs = sphere.coincident_rows(unit)
    if not pairs:
        return
    named = _checks.name_pairs(sorted((int(min(rows[i], rows[j])), int(max(rows[i], rows[j]))) for i, j in pairs))
    kind = "positively collinear" if projection == "canonical" else "equal"
    other = "; or use --projection stereographic, which keeps collinear rows apart" * (projection == "canonical")
    if projection == "stereographic" and any((chosen[i] != chosen[j]).any() for i, j in pairs):
        kind = "indistinguishable (in 64 bit, after the projection)"
        other = "; or rescale the data to order one"
    raise InputError(
        f"expected training rows on distinct points of the sphere, got {kind} {named} of {name} (counted from "
        f"0); use --drop-duplicates to keep the first of each{other}"
    )


def on_sphere(
    chosen: np.ndarray, rows: np.ndarray, projection: str, *, radius: float = 1.0, change: Change | None = None,
    scratch: Scratch | None = None, numbers: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """The chosen rows on the sphere; errors name the rows of the source.

    Args:
        chosen: rows.
        rows: their numbers in the source.
        projection: how they come there.
        radius: what they are divided by before it.
        change: what happens to them before that.
        scratch: the folder where they go, as a read-only map; None leaves them in memory.
        numbers: which of `chosen` are meant; None for all.

    Raises:
        InputError: rows without a direction, or off the sphere.
    """

    def block(part: slice) -> np.ndarray:
        rows = _changed(chosen[part] if numbers is None else chosen[numbers[part]], change)
        return rows if radius == 1 else rows / radius

    if scratch is None:
        every = block(slice(None))
        _check_placeable(_sizes(every, projection), rows, projection)
        return _placed(every, projection)
    pieces = list(_checks.pieces(len(rows), chosen.shape[1], TOGETHER))
    _check_placeable(np.concatenate([_sizes(block(part), projection) for part in pieces]), rows, projection)
    out = None
    for part in pieces:
        unit = _placed(block(part), projection)
        out = scratch.matrix(len(rows), unit.shape[1], "rows on the sphere") if out is None else out
        out[part] = unit
    assert out is not None
    return scratch.finished(out)


def _sizes(block: np.ndarray, projection: str) -> np.ndarray:
    """What decides whether rows come onto the sphere: their norms, or whether they are 0."""
    return np.asarray(np.linalg.norm(block, axis=1) if projection == "none" else block.any(axis=1))


def _placed(block: np.ndarray, projection: str) -> np.ndarray:
    if projection == "none":
        return block
    return (sphere.lift if projection == "stereographic" else sphere.project)(block, distinct=False)


def _check_placeable(sizes: np.ndarray, rows: np.ndarray, projection: str) -> None:
    """Raise `InputError` for rows that do not come onto the sphere; `sizes` as `_sizes` gives them."""
    if projection == "canonical":
        zero = np.sort(rows[~sizes])
        if zero.size:
            raise InputError(
                f"expected non-zero rows for the canonical projection, got zeros in {_checks.name_rows(zero)} "
                f"(counted from 0); remove them, use --drop-duplicates, which leaves them out, or use "
                f"--projection stereographic"
            )
    if projection == "none":
        off = np.flatnonzero(~(np.abs(sizes - 1) <= sphere.UNIT_TOLERANCE))
        if off.size:
            named = _checks.name_rows(sorted(rows[off]))
            raise InputError(
                f"expected rows of norm 1 under --projection none, got {named} off the sphere "
                f"(row {rows[off[0]]} has norm {sizes[off[0]]:.6g}); use --projection canonical or stereographic"
            )


__all__ = [
    "Change", "check_distinct", "first_of_each", "on_sphere", "parts", "radius_of", "standardised", "standardising",
    "taken",
]  # fmt: skip

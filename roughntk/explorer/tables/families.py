"""The kernels that the panel `depth` computes with: Chebyshev tables in the angle and in the logarithm of the depth.

A kernel is K = level + factor F, with level 0 and factor 1 but for families that collapse, whose deflated form it is.
At the angle theta and the depth L the table of F is a polynomial in

    x = log(1 + theta/a)/log(1 + pi/a),    a = scale/L (for whole depths a of each depth),

which takes the same number of nodes to the boundary layer at theta ~ 1/L as to the rest; and, where the family has real
depth, in log L, on bands of depths. The diagonal, theta = 0, has its own value: at infinite depth K jumps there.
Nothing here depends on anybody's data: the tables are stored in `depth.json` and written anew by
`tools/generate_explorer_tables.py`.
"""

import math
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.polynomial import chebyshev

from roughntk._checks import InputError
from roughntk.kernels import KernelFamily, family

BANDS = (2.0, 6.0, 20.0, 60.0, 200.0, 1000.0, 10000.0)
"""Ends of the bands of real depths."""
STOPS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64)
"""Whole depths of families without real depth."""
TOLERANCE = 1e-10
"""What the error of F has to stay below."""
_ANGLE_NODES, _DEPTH_NODES = 64, 18
_MORE_ANGLE_NODES = (24, 32, 48, 64, 96, 144, 216, 324)
_CHECKED, _SEED = 200, 8
_DIGITS = 14  # decimals of coefficients of F


class Member(NamedTuple):
    """A family with its parameters.

    Attributes:
        scale: depth times angle of its boundary layer.
        last: the last whole depth, where there is no real depth; one whose correlations part exponentially has a
            boundary layer that soon no table resolves.
    """

    name: str
    parameters: dict[str, float]
    described: str
    scale: float
    last: int = 64


def _leaky(name: str, slope: float) -> Member:
    return Member(name, {"slope": slope}, f"slope {slope:g}", 3 * math.pi * (1 + slope**2) / (1 - slope) ** 2)


MEMBERS = (
    Member("relu-ntk", {}, "no parameters", 3 * math.pi),
    Member("relu-nngp", {}, "no parameters", 3 * math.pi),
    *(_leaky("leaky-relu-ntk", slope) for slope in (0.1, 0.3, 0.6)),
    *(_leaky("leaky-relu-nngp", slope) for slope in (0.1, 0.3, 0.6)),
    Member("sigmoid", {}, "no parameters", 3 * math.pi),
    Member("biased-relu-ntk", {"bias": 0.1}, "bias 0.1", 3 * math.pi),
    Member("biased-relu-ntk", {"bias": 1.0}, "bias 1", 3 * math.pi),
    Member("erf-ntk", {"weight_variance": 1.5, "bias_variance": 0.1}, "weights 1.5, biases 0.1", 3 * math.pi),
    Member("erf-ntk", {"weight_variance": 3.0, "bias_variance": 0.0}, "weights 3, no biases", 3 * math.pi, 16),
    Member("residual-relu-ntk", {}, "weights 2, time 1", 3 * math.pi),
)
"""The families of the panel."""


def depth_table() -> dict[str, Any]:
    """The tables of all members, each with the largest error of F at random angles and depths between the nodes."""
    return {member.name + "".join(f" {value:g}" for value in member.parameters.values()): family_table(member)
            for member in MEMBERS}  # fmt: skip


def family_table(member: Member) -> dict[str, Any]:
    """The table of one member: `bands` where it has real depth, or `stops` of whole depths, and `limit`."""
    kernel = family(member.name, **member.parameters)
    return kernel_table(kernel, member.described, member.parameters, member.scale, member.last)


def kernel_table(
    kernel: KernelFamily, described: str, parameters: dict[str, Any],
    scale: float = 3 * math.pi, last: int = STOPS[-1],
) -> dict[str, Any]:  # fmt: skip
    """The table of a family.

    Raises:
        ArithmeticError: an error of F at the random points beyond `TOLERANCE`.
    """
    head: dict[str, Any] = {
        "family": kernel.name,
        "parameters": parameters,
        "described": described,
        "collapses": kernel.collapses,
        "scale": scale,
    }
    limit, worst = _limit(kernel)
    if kernel.has_real_depth:
        parts = [_band(kernel, scale, *ends) for ends in zip(BANDS, BANDS[1:], strict=False)]
    else:
        depths = [depth for depth in STOPS if depth <= last]
        parts = [_at_one_depth(kernel, depth, [scale / depth, 1.0, 0.1, 0.01, 1e-4]) for depth in depths]
    head["bands" if kernel.has_real_depth else "stops"] = [part for part, _ in parts]
    return head | {"limit": limit, "error": max([worst, *(error for _, error in parts)])}


def _limit(kernel: KernelFamily) -> tuple[dict[str, Any] | None, float]:
    """The table at infinite depth, None for a family whose limit is not known, and its error."""
    try:
        kernel.deflated(1.0, math.inf) if kernel.collapses else kernel.at_angle(jnp.ones(1), math.inf)
    except InputError:
        return None, 0.0
    return _at_one_depth(kernel, math.inf, [math.pi])


def form(kernel: KernelFamily, theta: np.ndarray, depth: float) -> tuple[np.ndarray, float, float]:
    """F at the angles, the level, and the log of the factor (with pi among the angles, whatever they are)."""
    angles = np.append(np.ravel(theta), math.pi)
    if not kernel.collapses:
        values = np.asarray(kernel.at_angle(jnp.asarray(angles), depth))
        return values[:-1].reshape(np.shape(theta)), 0.0, 0.0
    deflated = kernel.deflated(angles, depth)
    size = abs(float(deflated.values[-1]))
    log_factor = deflated.log_scale + math.log(size)
    return (deflated.values[:-1] / size).reshape(np.shape(theta)), deflated.level, log_factor


def position(theta: Any, a: Any) -> Any:
    """x in [0, 1] of the angles; for a = pi that of the limit, where nothing is near 0."""
    return np.log1p(np.asarray(theta) / a) / np.log1p(math.pi / a)


def angle(x: Any, a: Any) -> Any:
    """The angles at x, the inverse of `position`."""
    return a * np.expm1(np.asarray(x) * np.log1p(math.pi / a))


def _band(kernel: KernelFamily, scale: float, first: float, last: float) -> tuple[dict[str, Any], float]:
    """The table between two real depths, and its error at random points."""
    low, high = math.log(first), math.log(last)
    logs = (low + high) / 2 + (high - low) / 2 * nodes(_DEPTH_NODES)
    x = (nodes(_ANGLE_NODES) + 1) / 2
    columns = [form(kernel, angle(x, scale / math.exp(s)), math.exp(s)) for s in logs]
    coefficients = fitted(fitted(np.array([column[0] for column in columns])).T)
    levels, factors = (fitted(np.array([column[k] for column in columns])) for k in (1, 2))
    band = {
        "first": first,
        "last": last,
        "coefficients": _trimmed_rows(coefficients),
        "level": trimmed(levels),
        "log_factor": trimmed(factors),
    }
    generator = np.random.default_rng(_SEED)
    worst = 0.0
    for s in generator.uniform(low, high, 12):
        theta = angle(generator.uniform(size=_CHECKED), scale / math.exp(s))
        values, level, log_factor = form(kernel, theta, math.exp(s))
        read, *scales = read_band(band, scale, theta, s)
        worst = max(worst, np.abs(read - values).max(), abs(scales[0] - level), abs(math.expm1(scales[1] - log_factor)))
    return band, _accepted(worst, kernel, f"between depths {first:g} and {last:g}")


def read_band(band: dict[str, Any], scale: float, theta: Any, log_depth: float) -> tuple[Any, float, float]:
    """F, the level and the log of the factor as the page reads them from a band."""
    low, high = math.log(band["first"]), math.log(band["last"])
    t = (2 * log_depth - low - high) / (high - low)
    rows = [float(chebyshev.chebval(t, row)) if row else 0.0 for row in band["coefficients"]]
    x = position(theta, scale / math.exp(log_depth))
    return (
        chebyshev.chebval(2 * x - 1, rows),
        float(chebyshev.chebval(t, band["level"])),
        float(chebyshev.chebval(t, band["log_factor"])),
    )


def _at_one_depth(kernel: KernelFamily, depth: float, scales: list[float]) -> tuple[dict[str, Any], float]:
    """The table at one depth, with the first a and the fewest nodes that are enough, and its error at random points."""
    generator = np.random.default_rng(_SEED)
    best = math.inf
    for count in _MORE_ANGLE_NODES:
        for a in scales:
            x = np.append((nodes(count) + 1) / 2, generator.uniform(size=_CHECKED))
            values, level, log_factor = form(kernel, angle(x, a), depth)
            coefficients = trimmed(fitted(values[:count]))
            best = float(np.abs(chebyshev.chebval(2 * x - 1, coefficients) - values).max())
            if best < 1e-12:
                diagonal, opposite = (float(each) for each in form(kernel, np.array([0.0, math.pi]), depth)[0])
                shown: Any = "inf" if depth == math.inf else depth
                return {
                    "depth": shown, "a": a, "coefficients": coefficients, "diagonal": diagonal, "opposite": opposite,
                    "level": level,
                    "log_factor": "-inf" if log_factor == -math.inf else log_factor,
                }, best  # fmt: skip
    return {}, _accepted(best, kernel, f"at depth {depth:g}")


def _accepted(error: float, kernel: KernelFamily, where: str) -> float:
    if not error < TOLERANCE:
        raise ArithmeticError(
            f"expected a table of {kernel.name} with an error below {TOLERANCE:g}, got {error} {where}"
        )
    return float(error)


def nodes(count: int) -> np.ndarray:
    """The Chebyshev nodes of the first kind."""
    return np.cos(math.pi * (np.arange(count) + 0.5) / count)


def fitted(values: np.ndarray) -> np.ndarray:
    """Chebyshev coefficients along the first axis, of values at `nodes`."""
    count = len(values)
    matrix = 2 / count * np.cos(math.pi * np.outer(np.arange(count), np.arange(count) + 0.5) / count)
    matrix[0] /= 2
    return matrix @ values


def trimmed(coefficients: np.ndarray) -> list[float]:
    """Rounded, without the zeros at the end."""
    rounded = [round(float(each), _DIGITS) for each in coefficients]
    while len(rounded) > 1 and rounded[-1] == 0:
        rounded.pop()
    return rounded


def _trimmed_rows(coefficients: np.ndarray) -> list[list[float]]:
    rows = [trimmed(row) for row in coefficients]
    while len(rows) > 1 and rows[-1] == [0.0]:
        rows.pop()
    return rows


__all__ = [
    "BANDS", "MEMBERS", "STOPS", "Member", "angle", "depth_table", "family_table", "form", "position", "read_band",
]  # fmt: skip

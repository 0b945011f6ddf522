"""Classification of a family whose network is another one at each depth: through its kernel at infinite depth.

Such a network does less in each layer the more layers it has (stable scaling of residual networks, Hayou2021), so that
its layers tend to the identity and no map is iterated. What infinite depth leaves is one number for each angle. That
number, from the equation in depth time, is compared with networks of depth up to 20,000, extrapolated on their own.
"""

import math

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from roughntk.depth.extrapolation import PowerLimit, Term, power_limit, sample_depths
from roughntk.depth.phases.classification import Classification, Evidence
from roughntk.kernels.base import KernelFamily
from roughntk.linalg import Factor

ANGLES = (0.5, 1.0, math.pi / 2, 2.5)
_FIRST, _LAST = 100, 20_000
_POINTS = 5


def classified(
    family: KernelFamily, parameters: tuple[tuple[str, float | str], ...], pairs: NDArray[np.float64]
) -> Classification:
    """What `classify` returns, from the kernel at infinite depth.

    Args:
        family: one with `differs_by_depth`.
        parameters: those of the family.
        pairs: angles of five points with each other and with a sixth, row by row.
    """
    theta = np.append(ANGLES, pairs)
    depths = sample_depths(_FIRST, _LAST)
    K = np.stack([np.asarray(family.at_angle(jnp.asarray(theta), int(depth))) for depth in depths])
    limit = np.asarray(family.at_angle(jnp.asarray(theta), math.inf))
    fits = [power_limit(depths, column) for column in K[:, : len(ANGLES)].T]
    scaled = [power_limit(depths, column) for column in ((K - limit)[:, : len(ANGLES)] * depths[:, None]).T]
    where = f"depths to {_LAST:,}"
    evidence = []
    for angle, value, fit, rate in zip(ANGLES, limit, fits, scaled, strict=False):
        at = f"theta = {angle:.4g}"
        evidence += [
            Evidence("K between two points at infinite depth", float(value), 0.0, at),
            Evidence("K between two points, extrapolated", fit.value, fit.uncertainty, f"{at}, {where}"),
            Evidence("lim L (K_L - K_inf)", rate.value, rate.uncertainty, f"{at}, {where}"),
        ]
    spread = float(np.ptp(limit[: len(ANGLES)]))
    apart = max(abs(fit.value - value) for fit, value in zip(fits, limit, strict=False))
    evidence.append(Evidence("spread of the limits over four pairs", spread, 0.0, "theta from 0.5 to 2.5"))
    notes = [
        "a network of another depth has other layers, which tend to the identity: its kernel tends to a limit for each "
        "pair, which depends on the angle"
    ]
    if apart > 10 * max(fit.uncertainty for fit in fits) + 1e-9:
        notes.append(f"networks of {where} and the equation differ by {apart:.2g}: not settled at these depths")
    varies = spread > 1e-6
    depends, more = _coefficients(limit[len(ANGLES) :], K[-1, len(ANGLES) :])
    return Classification(
        family.name, parameters, None, None, "none", 1.0, "critical", _rate(scaled[1]),
        None if varies else float(limit[1]), None if varies else float(limit[1]),
        max(fit.uncertainty for fit in fits), None, None, depends, (*evidence, *more), tuple(notes),
    )  # fmt: skip


def _rate(scaled: PowerLimit) -> Term | None:
    """The leading term of K_L - K_inf, if it is one in 1/L."""
    if abs(scaled.value) <= 30 * scaled.uncertainty:
        return None
    return Term(scaled.value, 1.0, 0, scaled.uncertainty)


def _coefficients(limit: NDArray[np.float64], deepest: NDArray[np.float64]) -> tuple[bool | None, list[Evidence]]:
    """Whether the coefficients on five points differ from each other at infinite depth by more than depth changes."""
    u, near = _solved(limit), _solved(deepest)
    spread, change = float(np.ptp(u)), float(np.abs(u - near).max())
    where = f"5 points in R^4, against depth {_LAST:,}"
    evidence = [Evidence("spread of the coefficients at infinite depth", spread, change, where)]
    return (True if spread > 100 * change else None), evidence


def _solved(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """u from the kernel between five points and a sixth, above the diagonal, row by row."""
    K = np.eye(_POINTS, _POINTS + 1)
    K[np.triu_indices(_POINTS, 1, _POINTS + 1)] = pairs
    inner = K[:, :_POINTS]
    return Factor(inner + np.triu(inner, 1).T, cholesky=False).solve(K[:, _POINTS:])[:, 0]


__all__ = ["ANGLES", "classified"]

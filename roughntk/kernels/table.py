"""A kernel at one depth as a table: local polynomials in the angle or the correlation, for a million entries.

At a fixed depth L the kernel is a function of the angle alone, analytic on [0, pi] from depth 2 on. Its structure is
the boundary layer theta ~ 1/L and, outside of it, a logarithm of theta: so it is smooth on the scale of

    w = 1 + s theta,    s close to L/(3 pi),

relative to w itself, and the pieces of a table in w are those of the float64 format: 128 to each octave
[2^e, 2^(e+1)), found from the leading bits of w, log2(1 + L/3) octaves in all. On each, K is a polynomial of degree 5
in the position t in [0, 1) within the piece, interpolated from the closed form at 6 Chebyshev points. A piece is 1/128
of w wide at most, the nearest singularity of K is about w away or about 2 in the angle: the terms fall by a factor of
150 or more each (fewer below depth 5), and what is cut off is below 3e-15. t is exact, so the rounding of a value is
that of one unit, and K = 1 at theta = 0 exactly. Below depth 2 there could be no table: K is not analytic at pi there.

Most entries of a matrix never need their angle. Where |rho| <= 0.999 a second table takes the correlation itself, in
1 - |rho| and the sign of rho: 128 pieces to each of the ten octaves below 1. At rho = 1 and at rho = -1 K is analytic
in the square root of 1 - |rho|, so that relative to 1 - |rho| it is smooth again, at every depth.

One evaluation takes 6 coefficients and as many multiplications, at any depth; the coefficients themselves take some
ten milliseconds for each new depth.
Source: `roughntk.maps.relu_flow` for the closed form; Trefethen2013 for interpolation in Chebyshev points.
"""

import math
from collections.abc import Callable
from functools import cached_property, lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpy.polynomial import chebyshev

from roughntk import _checks
from roughntk._checks.precision import HUGE
from roughntk.maps import relu_flow

LEAST_DEPTH = 5.0
"""The least depth that has a table. Below it the pieces are too wide in the angle, and kernels have zeros."""

PIECE_BITS = 7
_PIECES = 2**PIECE_BITS  # to an octave
_TERMS = 6
_SAMPLES = 4096  # angles in one call of the closed form, which is compiled for this number

# Some thousand angles do not repay an optimising compiler.
_OPTIONS = {"xla_backend_optimization_level": 0}
_CLOSED_FORM = {
    "ntk": jax.jit(lambda theta, depth: relu_flow.ntk_kernel(theta, depth - 1), compiler_options=_OPTIONS),
    "nngp": jax.jit(lambda theta, depth: jnp.cos(relu_flow.flow(theta, depth - 1)), compiler_options=_OPTIONS),
}
_LIMIT = {"ntk": 0.25, "nngp": 1.0}

# float64: 52 bits of mantissa below the exponent, which is biased by 1023
SHIFT = 52 - PIECE_BITS
_FIRST = 1023 << PIECE_BITS
_OCTAVES = 10  # of 1 - |rho|, below 1: down to 2^-10, which is less than 1 - 0.999
FIRST_DEFECT = (1023 - _OCTAVES) << PIECE_BITS


def coefficients(kernel: str, depth: float) -> tuple[float, Float[np.ndarray, "pieces 6"]]:
    """The scale s and the coefficients of 1, t, ..., t^5 on each piece, of "ntk" or "nngp" at a depth in [5, inf].

    s is raised to where theta = pi falls on the end of a piece; one more, constant piece takes pi itself. At infinity
    s is the largest float: theta = 0 is in the first piece, all other angles in the last.
    """
    if depth == math.inf:
        limit = np.zeros((2, _TERMS))
        limit[:, 0] = 1.0, _LIMIT[kernel]
        return HUGE, limit
    octave, rest = divmod(math.log2(1 + depth / 3), 1.0)
    pieces = int(octave) * _PIECES + math.ceil((2.0**rest - 1) * _PIECES)
    end = 2.0 ** (pieces // _PIECES) * (1 + (pieces % _PIECES) / _PIECES)
    scale = (end - 1) / math.pi
    exponent, within = np.divmod(np.arange(pieces), _PIECES)
    fraction = (within[:, None] + nodes()) / _PIECES
    w_minus_1 = (2.0**exponent - 1)[:, None] + (2.0**exponent)[:, None] * fraction
    values = _closed_form(kernel, np.minimum(w_minus_1 / scale, math.pi).reshape(-1), depth).reshape(-1, _TERMS)
    table = np.zeros((pieces + 1, _TERMS))
    table[:-1] = _interpolated(values)
    table[0, 0] = 1.0
    table[-1, 0] = _closed_form(kernel, np.array([math.pi]), depth)[0]
    return scale, table


def correlation_coefficients(kernel: str, depth: float) -> Float[np.ndarray, "pieces 6"]:
    """`of_correlations` of "ntk" or "nngp" at a depth as for `coefficients`."""
    if depth == math.inf:
        limit = np.zeros((2 * _OCTAVES * _PIECES + 2, _TERMS))
        limit[:, 0] = _LIMIT[kernel]
        return limit
    return of_correlations(lambda theta: _closed_form(kernel, theta.reshape(-1), depth).reshape(theta.shape))


def of_correlations(function: Callable[[np.ndarray], np.ndarray]) -> Float[np.ndarray, "pieces 6"]:
    """The coefficients of 1, t, ..., t^5 on each piece of 1 - |rho| in [2^-10, 1], for rho >= 0, then for rho < 0.

    One more, constant piece of either sign takes rho = 0 itself.

    Args:
        function: of angles, elementwise.
    """
    pieces = _OCTAVES * _PIECES
    octave, within = np.divmod(np.arange(pieces), _PIECES)
    defect = 2.0 ** (octave - _OCTAVES)[:, None] * (1 + (within[:, None] + nodes()) / _PIECES)
    near = 2 * np.arcsin(np.sqrt(defect / 2))  # arccos(1 - defect)
    return of_both_signs(function(near), function(np.pi - near), float(function(np.array([math.pi / 2]))[0]))


def of_both_signs(first: np.ndarray, second: np.ndarray, end: float) -> Float[np.ndarray, "pieces 6"]:
    """The coefficients from values at `nodes` on the pieces of either sign, and a constant piece after each."""
    last = np.zeros((1, _TERMS))
    last[0, 0] = end
    return np.concatenate([_interpolated(first), last, _interpolated(second), last])


def nodes() -> np.ndarray:
    """The Chebyshev points of [0, 1]."""
    return (np.cos(np.pi * (np.arange(_TERMS) + 0.5) / _TERMS) + 1) / 2


def _interpolated(values: np.ndarray) -> np.ndarray:
    """Coefficients of 1, t, ..., t^5 from the values at `_nodes`, row by row."""
    # Chebyshev coefficients first, from values less their mean: their errors are those of the values
    mean = values.mean(axis=1, keepdims=True)
    basis = np.cos(np.outer(np.arange(_TERMS), np.pi * (np.arange(_TERMS) + 0.5) / _TERMS)) * (2 / _TERMS)
    basis[0] /= 2
    coefficients = ((values - mean) @ basis.T) @ _powers()
    coefficients[:, 0] += mean[:, 0]
    return coefficients


def _powers() -> np.ndarray:
    """Row k: the coefficients of T_k(2 t - 1) in powers of t (whole numbers)."""
    rows = np.zeros((_TERMS, _TERMS))
    for k in range(_TERMS):
        power = chebyshev.cheb2poly([0.0] * k + [1.0])
        row = np.zeros(1)
        for c in power[::-1]:
            row = np.polynomial.polynomial.polyadd(np.polynomial.polynomial.polymul(row, [-1.0, 2.0]), [c])
        rows[k, : len(row[: k + 1])] = row[: k + 1]
    return rows


def _closed_form(kernel: str, theta: np.ndarray, depth: float) -> np.ndarray:
    """The closed form at known angles, `_SAMPLES` at a time; outside of any trace that is under way."""
    padded = np.zeros(-(-len(theta) // _SAMPLES) * _SAMPLES)
    padded[: len(theta)] = theta
    with jax.ensure_compile_time_eval():
        parts = [np.asarray(_CLOSED_FORM[kernel](part, depth)) for part in padded.reshape(-1, _SAMPLES)]
    return np.concatenate(parts)[: len(theta)]


def write_at_correlations(rho: np.ndarray, table: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Replaces flat correlations by values of a table `of_correlations`; (places, correlations) of those beyond."""
    from roughntk.kernels.table_loops import at_correlations  # loads numba

    places, cosines = np.empty(rho.size, np.intp), np.empty(rho.size)
    count = at_correlations(rho, table, SHIFT, FIRST_DEFECT, limit, places, cosines)
    return places[:count].copy(), cosines[:count].copy()


class KernelTable:
    """theta -> K(theta; L), elementwise, and rho -> K where |rho| <= 0.999; see `kernel_table`."""

    at_zero = 1.0

    def __init__(self, kernel: str, depth: float):
        self.kernel, self.depth = kernel, depth

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        """K at known angles in [0, pi], any shape."""
        values = np.array(theta, dtype=np.float64)
        self.write_at_angles(values.reshape(-1))
        return values

    def write_at_angles(self, theta: np.ndarray) -> None:
        """Replaces flat angles by K."""
        from roughntk.kernels.table_loops import at_angles  # loads numba

        scale, table = self._angle_table
        at_angles(theta, scale, table, SHIFT, _FIRST)

    def write_at_correlations(self, rho: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
        """Replaces flat correlations by K; (places, correlations) of those beyond `limit`, where K has no meaning."""
        return write_at_correlations(rho, self._correlation_table, limit)

    # Many matrices need one of the two tables only.

    @cached_property
    def _angle_table(self) -> tuple[float, np.ndarray]:
        scale, table = coefficients(self.kernel, self.depth)
        return scale, np.ascontiguousarray(table)

    @cached_property
    def _correlation_table(self) -> np.ndarray:
        return np.ascontiguousarray(correlation_coefficients(self.kernel, self.depth))


def kernel_table(kernel: str, depth: float) -> KernelTable:
    """The table of a ReLU family at one depth; the last 64 are kept.

    Args:
        kernel: "ntk" or "nngp".
        depth: a real depth in [5, inf].

    Raises:
        InputError: another kernel, or a depth below 5.
    """
    _checks.require_x64("a table")
    known = _checks.number(depth, "depth", least=LEAST_DEPTH, infinite=True, remedy="use the kernel itself")
    return _kept_table(_checks.choice(kernel, tuple(_LIMIT), "kernel"), known)


@lru_cache(maxsize=64)
def _kept_table(kernel: str, depth: float) -> KernelTable:
    return KernelTable(kernel, depth)


def of_depth(kernel: str, depth: float) -> KernelTable | None:
    """The table at a depth, where it has one and 64 bits hold it."""
    return kernel_table(kernel, depth) if jnp.result_type(float) == np.float64 and depth >= LEAST_DEPTH else None

"""A kernel at one depth as a table: local polynomials in the angle, for the million entries of a matrix.

At a fixed depth L the kernel is a function of the angle alone, analytic on [0, pi] from depth 2 on. Its structure is
the boundary layer theta ~ 1/L and, outside of it, a logarithm of theta: so it is smooth on the scale of

    w = 1 + s theta,    s close to L/(3 pi),

relative to w itself, and the pieces of a table in w are those of the float64 format: 64 to each octave [2^e, 2^(e+1)),
found from the leading bits of w, log2(1 + L/3) octaves in all. On each, K is a polynomial of degree 7 in the position
t in [0, 1) within the piece, interpolated from the closed form at 8 Chebyshev points. A piece is 1/64 of w wide at
most, the nearest singularity of K is about w away or about 2 in the angle: the terms fall by a factor of 50 or more
each, and what is cut off is below 1e-15. t is exact, so the rounding of a value is that of one unit, and K = 1 at
theta = 0 exactly. Between depths 1 and 2 there is no table: K is not analytic at pi there.

One evaluation takes 8 coefficients, one line of the cache, and as many multiplications; the coefficients themselves
take milliseconds for each new depth. The loop is compiled by numba, once for all depths.
Source: `roughntk.depth.iteration` for the closed form; Trefethen 2013 for interpolation in Chebyshev points.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float
from numpy.polynomial import chebyshev

from roughntk.depth import continuous
from roughntk.kernels import ReluNNGP, ReluNTK
from roughntk.kernels.families import register_table

LEAST_DEPTH = 3.0
"""The least depth that has a table. Below 3 kernels have zeros, where their relative accuracy would be lost."""

_PIECE_BITS = 6
_PIECES = 2**_PIECE_BITS  # to an octave
_TERMS = 8
_LINE = 512  # entries worked on at a time: they stay in the innermost cache
_SAMPLES = 4096  # angles in one call of the closed form, which is compiled for this number

# Some thousand angles do not repay an optimising compiler.
_OPTIONS = {"xla_backend_optimization_level": 0}
_CLOSED_FORM = {
    "ntk": jax.jit(continuous.relu_ntk, compiler_options=_OPTIONS),
    "nngp": jax.jit(continuous.relu_nngp, compiler_options=_OPTIONS),
}
_HUGE = float(np.finfo(np.float64).max)
_LIMIT = {"ntk": 0.25, "nngp": 1.0}

# float64: 52 bits of mantissa below the exponent, which is biased by 1023
_SHIFT = 52 - _PIECE_BITS
_FIRST = 1023 << _PIECE_BITS
_POSITION = (1 << _SHIFT) - 1
_UNIT = 2.0**-_SHIFT


def coefficients(kernel: str, depth: float) -> tuple[float, Float[np.ndarray, "pieces 8"]]:
    """The scale s and the coefficients of 1, t, ..., t^7 on each piece, of "ntk" or "nngp" at a depth in [3, inf].

    s is raised to where theta = pi falls on the end of a piece; one more, constant piece takes pi itself. At infinity
    s is the largest float: theta = 0 is in the first piece, all other angles in the last.
    """
    if depth == math.inf:
        limit = np.zeros((2, _TERMS))
        limit[:, 0] = 1.0, _LIMIT[kernel]
        return _HUGE, limit
    octave, rest = divmod(math.log2(1 + depth / 3), 1.0)
    pieces = int(octave) * _PIECES + math.ceil((2.0**rest - 1) * _PIECES)
    end = 2.0 ** (pieces // _PIECES) * (1 + (pieces % _PIECES) / _PIECES)
    scale = (end - 1) / math.pi
    nodes = (np.cos(np.pi * (np.arange(_TERMS) + 0.5) / _TERMS) + 1) / 2
    exponent, within = np.divmod(np.arange(pieces), _PIECES)
    fraction = (within[:, None] + nodes) / _PIECES
    w_minus_1 = (2.0**exponent - 1)[:, None] + (2.0**exponent)[:, None] * fraction
    values = _closed_form(kernel, np.minimum(w_minus_1 / scale, math.pi).reshape(-1), depth).reshape(-1, _TERMS)
    # Chebyshev coefficients first, from values less their mean: their errors are those of the values
    mean = values.mean(axis=1, keepdims=True)
    basis = np.cos(np.outer(np.arange(_TERMS), np.pi * (np.arange(_TERMS) + 0.5) / _TERMS)) * (2 / _TERMS)
    basis[0] /= 2
    table = np.zeros((pieces + 1, _TERMS))
    table[:-1] = ((values - mean) @ basis.T) @ _powers()
    table[:-1, 0] += mean[:, 0]
    table[0, 0] = 1.0
    table[-1, 0] = _closed_form(kernel, np.array([math.pi]), depth)[0]
    table.setflags(write=False)
    return scale, table


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


def _look_up(theta: Any, scale: Any, table: Any, values: Any) -> None:
    """values = K(theta) on flat arrays; to be compiled. Angles outside [0, pi] take the nearest piece."""
    w = np.empty(_LINE)
    bits = w.view(np.int64)
    last = len(table) - 1
    for start in range(0, len(theta), _LINE):
        count = min(_LINE, len(theta) - start)
        for i in range(count):
            w[i] = 1.0 + scale * theta[start + i]
        for i in range(count):
            piece = min(max((bits[i] >> _SHIFT) - _FIRST, 0), last)
            t = (bits[i] & _POSITION) * _UNIT
            value = table[piece, _TERMS - 1]
            for k in range(_TERMS - 2, -1, -1):
                value = value * t + table[piece, k]
            values[start + i] = value


@cache
def _compiled() -> Callable[..., None]:
    import numba

    flat = numba.types.Array(numba.float64, 1, "C")
    constant = {ndim: numba.types.Array(numba.float64, ndim, "C", readonly=True) for ndim in (1, 2)}
    signature = numba.void(flat, numba.float64, constant[2], flat)
    return numba.njit(signature, error_model="numpy", fastmath={"contract"}, nogil=True)(_look_up)


class KernelTable(NamedTuple):
    """theta -> K(theta; L), elementwise; see `kernel_table`."""

    scale: float
    coefficients: Float[np.ndarray, "pieces 8"]
    look_up: Callable[..., None]

    def __call__(self, theta: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """K at known angles in [0, pi], any shape; `out`, contiguous, may be theta itself."""
        theta = np.ascontiguousarray(theta, dtype=np.float64)
        out = np.empty_like(theta) if out is None else out
        self.look_up(theta.reshape(-1), self.scale, self.coefficients, out.reshape(-1))
        return out


@lru_cache(maxsize=64)
def kernel_table(kernel: str, depth: float) -> KernelTable:
    """The table of a ReLU family at one depth.

    Args:
        kernel: "ntk" or "nngp".
        depth: a real depth in [3, inf].
    """
    with ThreadPoolExecutor(1) as beside:  # numba and XLA have a second of compiling to do each, once
        compiling = beside.submit(_compiled)
        scale, table = coefficients(kernel, depth)
        return KernelTable(scale, table, compiling.result())


def _rule(kernel: str) -> Callable[[float], KernelTable | None]:
    return lambda depth: kernel_table(kernel, depth) if depth >= LEAST_DEPTH else None


register_table(ReluNTK, _rule("ntk"))
register_table(ReluNNGP, _rule("nngp"))

"""The triangular gauge of the random covariance: V = M M^T, M lower triangular with a positive diagonal, and

    dM = M dX + M Psi(M^{-1} b M^{-T}) ds,    Psi = the strict lower part and half of the diagonal,

along a lower triangular path X of N(N+1)/2 channels: fields M E_ij, which are linear and do not commute, and a drift
that vanishes for linear networks. Triangular matrices are flat vectors here, row by row: 11, 21, 22, 31, ...

Derived and measured, not proved.
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular


def entries(inputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the N(N+1)/2 entries of a lower triangular matrix, row by row."""
    return np.tril_indices(inputs)


def flattened(matrices: Any) -> Any:
    """The flat entries, shape (..., N(N+1)/2), of lower triangular matrices, shape (..., N, N)."""
    rows, columns = entries(matrices.shape[-1])
    return matrices[..., rows, columns]


def inputs_of(size: int) -> int:
    """N of N(N+1)/2 entries."""
    return (math.isqrt(8 * size + 1) - 1) // 2


def unflattened(flat: Any) -> Any:
    """Lower triangular matrices, shape (..., N, N), of flat entries, shape (..., N(N+1)/2); NumPy gives NumPy."""
    inputs = inputs_of(flat.shape[-1])
    if isinstance(flat, np.ndarray):
        matrices = np.zeros((*flat.shape[:-1], inputs, inputs))
        matrices[..., *entries(inputs)] = flat
        return matrices
    # A product with ones and zeros: scatters are slow where they are compiled for many rows.
    place = np.zeros((flat.shape[-1], inputs * inputs))
    rows, columns = entries(inputs)
    place[np.arange(flat.shape[-1]), rows * inputs + columns] = 1.0
    return (flat @ jnp.asarray(place, flat.dtype)).reshape(*flat.shape[:-1], inputs, inputs)


def bend(covariance: jax.Array, kappa: Any) -> jax.Array:
    """b^ab = kappa (sqrt(1 - rho^2) - rho arccos rho) sqrt(V^aa V^bb), zero on the diagonal, for V of shape (N, N).

    With A = sqrt(V^aa V^bb - V^ab V^ab), the area of the parallelogram, it is kappa (A - V^ab atan2(A, V^ab)).
    """
    sizes = jnp.diagonal(covariance)
    squares = sizes[:, None] * sizes - covariance**2
    inside = (squares > 0) & ~np.eye(len(covariance), dtype=bool)
    area = jnp.sqrt(jnp.where(inside, squares, 1.0))  # the root has no slope at 0
    return jnp.where(inside, kappa * (area - covariance * jnp.arctan2(area, covariance)), 0.0)


def drift(factor: jax.Array, kappa: Any) -> jax.Array:
    """M Psi(M^{-1} b M^{-T}) for M of shape (N, N)."""
    half = solve_triangular(factor, bend(factor @ factor.T, kappa), lower=True)
    whole = solve_triangular(factor, half.T, lower=True)
    return factor @ (jnp.tril(whole, -1) + jnp.diag(jnp.diagonal(whole)) / 2)


class TriangularField(eqx.Module):
    """y -> (state, channels), the fields of the equation for flat y = M: a callable that `rn.rough.solve_rde` takes.

    The column of the channel ij is M E_ij, in the order of the entries of M. Where `kappa` is given a last channel,
    depth time, has the column M Psi(M^{-1} b M^{-T}). `scale` multiplies all columns.
    """

    inputs: int = eqx.field(static=True)
    kappa: Any = None
    scale: Any = None

    @property
    def channels(self) -> int:
        """How many channels the path has."""
        return self.inputs * (self.inputs + 1) // 2 + (self.kappa is not None)

    def __call__(self, y: jax.Array) -> jax.Array:
        rows, columns = entries(self.inputs)
        factor = unflattened(y)
        # (M E_ij)_ab = M_ai where b = j
        fields = jnp.where(columns[:, None] == columns, factor[rows[:, None], rows], 0.0)
        if self.kappa is not None:
            fields = jnp.concatenate([fields, flattened(drift(factor, self.kappa))[:, None]], axis=1)
        return fields if self.scale is None else self.scale * fields


def noise_scales(inputs: int) -> np.ndarray:
    """Of each entry of X the standard deviation at time 1: 1 below the diagonal, 1/sqrt 2 on it."""
    rows, columns = entries(inputs)
    return np.where(rows == columns, math.sqrt(0.5), 1.0)


def slopes_of_driver(inputs: int, calculus: str) -> np.ndarray:
    """The drift of each entry of X: -(2i - 1)/4 on the diagonal (Ito), -i/2 (Stratonovich), i from 1; 0 below it.

    They differ by half of (M E_ii) E_ii / 2, the square of the field of B_ii/sqrt 2.
    """
    rows, columns = entries(inputs)
    i = rows + 1.0
    return np.where(rows == columns, -(2 * i - 1) / 4 if calculus == "ito" else -i / 2, 0.0)

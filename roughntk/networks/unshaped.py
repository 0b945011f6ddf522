"""The covariance of an unshaped ReLU network at several inputs, in the limit of wide and deep networks.

After the first layers all angles are of the order 1/n, n the width. Let T_i/n be the tangent vector at (the direction
of) h_0 to that of h_i, R_ij = T_i . T_j (N x N for N + 1 inputs), z_ij^2 = |T_i - T_j|^2 = n^2 theta_ij^2, T_0 = 0.
In depth time s = l/n, Ito,

    dR = 2R ds + R^{1/2} (sqrt(2) dG + 2 dxi) R^{1/2} + b(R) ds,     b_ij = (beta_0i + beta_0j - beta_ij)/2,
    beta_ij = -(2/(3 pi)) z_ij^3,       dF = dM - 2 dxi - (5/2) ds,     F = log |h_l|^2 - log |h_0|^2,

F being common to all inputs, G symmetric with d<G_ij, G_kl> = (1_ik 1_jl + 1_il 1_jk) ds, and xi, M Brownian motions:
-2 dxi is what the length of h_0 does beyond the number of active units, M. Derived and measured, not proved.

The scheme splits: b alone is solved exactly (z_ij -> z_ij/(1 + z_ij h/(3 pi)) for each pair, however large z_ij is),
the rest multiplies a factor of R from both sides; half a step of b, a step of the rest, half a step of b. So R stays
positive semi-definite, and the weak order is at least 1.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.maps import relu_flow
from roughntk.networks.sampling import in_chunks, normalised
from roughntk.rough.paths.gaussian import random_key

_LONGEST = 100.0  # of times: beyond, correlations are 1 in float64
_MOST_INPUTS = 64
_SAME = 1e-7  # angles up to it are those of equal directions


@dataclasses.dataclass(frozen=True, repr=False)
class UnshapedCovariance:
    """Samples of the limit of the covariance of an unshaped ReLU network.

    Attributes:
        time: t = L/n.
        width: n, which turns z into angles.
        tangents: R at t, shape (samples, N, N), for N + 1 inputs.
        log_norms: F at t, shape (samples,).
        covariances: V at t, the Gram matrices of the h's, shape (samples, N + 1, N + 1).
    """

    time: float
    width: int
    tangents: np.ndarray
    log_norms: np.ndarray
    covariances: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """V, as of a `RandomCovariance`."""
        return self.covariances

    @property
    def correlations(self) -> np.ndarray:
        """rho = V_ij/sqrt(V_ii V_jj), shape of the values."""
        return normalised(self.covariances)

    @property
    def distances(self) -> np.ndarray:
        """z_ij = n theta_ij, shape (samples, N + 1, N + 1), for tangent vectors in their plane."""
        return np.sqrt(_squares(np.asarray(self.tangents), np))

    def __repr__(self) -> str:
        samples, inputs = self.covariances.shape[:2]
        return f"<UnshapedCovariance: {samples} samples for {inputs} inputs at t = {self.time:g}, width {self.width}>"


def unshaped_covariance(
    V0: Any,
    time: Any,
    *,
    width: int,
    key: jax.Array,
    samples: int = 1024,
    steps: int = 200,
    progress: Callable[[int, int], None] | None = None,
) -> UnshapedCovariance:
    """The covariance of N + 1 inputs after t n layers of an unshaped ReLU network of width n, in the limit law.

    The start is where the early layers lead, in which angles are not small and noise has not begun to matter: the
    Abel times of the angles of V0, alpha(theta_ij), with the constant (3/2) log L - 1 of `effective_depth`. It is
    taken as the angles of an infinitely wide network after the k layers that this constant stands for at the mean of
    alpha(theta_ij).

    Args:
        V0: Gram matrix of the inputs, shape (N + 1, N + 1), N >= 1, of distinct directions.
        time: t = L/n in (0, 100].
        width: n >= N + 3, the number of inputs and two.
        key: a JAX random key. Sample i has the key `fold_in(key, i)`.
        samples: how many, at least 1.
        steps: of the scheme, at least 1.
        progress: told (samples done, all samples).

    Returns:
        V, R and log |h|^2 for each sample.

    Raises:
        InputError: a V0 that is no Gram matrix of distinct directions, a width below N + 3, a time that is
            0 or out of range, no random key, no samples, no steps, JAX in 32-bit mode.

    Sources: LiNicaRoy2022 (shaped networks); the rest is derived for this package.

    >>> import jax, roughntk as rn
    >>> drawn = rn.networks.unshaped_covariance([[1, 0.5], [0.5, 1]], 0.5, width=200, key=jax.random.key(0), samples=8)
    >>> drawn.covariances.shape
    (8, 2, 2)
    """
    t, key, samples, steps = _checked(time, key, samples, steps)
    norms, angles = _norms_and_angles(V0)
    width = _checks.integer(width, "width", least=2)
    if width < len(norms) + 2:
        raise InputError(
            f"expected a width of at least the number of inputs and two, {len(norms) + 2}, got {width}; use wider "
            f"networks or fewer inputs"
        )
    tangents, log_norms = _drawn(_start(angles, width, t * width), t, key, samples, steps, progress)
    return UnshapedCovariance(t, width, tangents, log_norms, _covariances(tangents, log_norms, norms, width))


def tangent_gram(
    R0: Any,
    time: Any,
    *,
    key: jax.Array,
    samples: int = 1024,
    steps: int = 200,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """R and F at t in the limit law from given tangent vectors, whose Gram matrix is R0.

    Args:
        R0: T T^T for N tangent vectors T at an input, in units of 1/n, shape (N, N), positive semi-definite.
        time, key, samples, steps, progress: as for `unshaped_covariance`.

    Returns:
        R, shape (samples, N, N), and F = log |h_L|^2 - log |h_0|^2, shape (samples,).

    Raises:
        InputError: an R0 that is not symmetric and positive semi-definite with a positive diagonal; as above.

    Source: LiNicaRoy2022 (shaped networks); the rest is derived for this package.

    >>> import jax, roughntk as rn
    >>> R, F = rn.networks.tangent_gram([[400.0]], 0.5, key=jax.random.key(0), samples=8, steps=50)
    >>> R.shape, F.shape
    ((8, 1, 1), (8,))
    """
    t, key, samples, steps = _checked(time, key, samples, steps)
    return _drawn(_gram(R0, "R0"), t, key, samples, steps, progress)


def _checked(time: Any, key: Any, samples: Any, steps: Any) -> tuple[float, Array, int, int]:
    t = _checks.number(time, "time", above=0, most=_LONGEST, remedy="it is layers over width")
    key = random_key(key)
    samples = _checks.integer(samples, "samples", least=1)
    steps = _checks.integer(steps, "steps", least=1, most=10**6)
    _checks.require_x64("the limit of a covariance")
    return t, key, samples, steps


def _gram(value: Any, name: str) -> np.ndarray:
    """A symmetric positive semi-definite matrix with a positive diagonal, or an error."""
    matrix = _checks.matrix(value, name)
    if len(matrix) != matrix.shape[1] or len(matrix) > _MOST_INPUTS:
        raise InputError(
            f"expected {name} to be a square matrix of at most {_MOST_INPUTS} rows, got shape {matrix.shape}; give a "
            f"Gram matrix X @ X.T"
        )
    largest = np.abs(matrix).max()
    if np.abs(matrix - matrix.T).max() > 1e-12 * largest:
        raise InputError(
            f"expected {name} to be symmetric, got an asymmetry of {np.abs(matrix - matrix.T).max():.2g}; give a Gram "
            f"matrix X @ X.T"
        )
    smallest = np.linalg.eigvalsh(matrix)[0]
    if smallest < -1e-12 * len(matrix) * largest or not (np.diagonal(matrix) > 0).all():
        raise InputError(
            f"expected {name} to be positive semi-definite with a positive diagonal, got the smallest eigenvalue "
            f"{smallest:.3g} and diagonal entries from {np.diagonal(matrix).min():.3g} on; give a Gram matrix X @ X.T"
        )
    return (matrix + matrix.T) / 2


def _norms_and_angles(V0: Any) -> tuple[np.ndarray, np.ndarray]:
    """The lengths of the inputs and their angles, checked."""
    gram = _gram(V0, "V0")
    if len(gram) < 2:
        raise InputError("expected V0 of at least two inputs, got one; its log |h|^2 is normal, N(-5t/2, 5t)")
    norms = np.sqrt(np.diagonal(gram))
    correlations = np.clip(gram / np.outer(norms, norms), -1, 1)
    angles = np.arccos(correlations)
    np.fill_diagonal(angles, 0.0)
    same = np.argwhere(np.triu(angles <= _SAME, 1))
    if same.size:
        i, j = same[0]
        raise InputError(
            f"expected inputs of distinct directions, got inputs {i} and {j} at the angle {angles[i, j]:.2g}; what "
            f"they become stays parallel: leave one of them out"
        )
    return norms, angles


def _start(angles: np.ndarray, width: int, layers: float) -> np.ndarray:
    """R at s = 0: n^2 times the tangent Gram matrix at input 0 of an infinitely wide network after k layers."""
    alpha = float(np.mean(np.asarray(relu_flow.abel(angles[np.triu_indices(len(angles), 1)]))))
    reached = alpha + 1.5 * math.log(max(layers, 1.0)) - 1  # n y_0
    ahead = float(relu_flow.abel(min(3 * math.pi / max(reached, 3.0), math.pi))) - alpha
    small = np.asarray(relu_flow.flow(angles, max(1.0, ahead)))
    radial, cosines = small[0, 1:], np.cos(small[1:, 1:])
    np.fill_diagonal(cosines, 1.0)
    # tangent vectors of length theta_0i, at the angles of the spherical triangle
    scale = radial / np.sin(radial)
    gram = np.outer(scale, scale) * (cosines - np.outer(np.cos(radial), np.cos(radial)))
    return width**2 * gram


def _drawn(
    R0: np.ndarray, t: float, key: Array, samples: int, steps: int, progress: Callable[[int, int], None] | None
) -> tuple[np.ndarray, np.ndarray]:
    """R and F at t."""
    inputs = len(R0)
    start, step = jnp.asarray(R0), jnp.asarray(t / steps)
    size = steps * (inputs * (inputs + 1) // 2 + 2)
    flat = in_chunks(lambda keys: _paths(keys, start, step, steps), key, samples, 16.0 * size, progress)
    return flat[:, :-1].reshape(-1, inputs, inputs), flat[:, -1]


@functools.partial(jax.jit, static_argnames="steps")
def _paths(keys: Array, R0: Array, step: Array, steps: int) -> Array:
    return jax.vmap(lambda key: _path(key, R0, step, steps))(keys)


def _path(key: Array, R0: Array, step: Array, steps: int) -> Array:
    """R, flattened, and F at the end of one path."""
    inputs = len(R0)
    noise = jnp.sqrt(step) * jax.random.normal(key, (steps, inputs * (inputs + 1) // 2 + 2))
    rows, columns = np.tril_indices(inputs)

    def advance(state: tuple[Array, Array], now: Array) -> tuple[tuple[Array, Array], None]:
        R, F = state
        xi, common = now[0], now[1]
        lower = jnp.zeros((inputs, inputs)).at[rows, columns].set(now[2:])
        exponent = math.sqrt(2) * (lower + lower.T) * jnp.where(jnp.eye(inputs, dtype=bool), math.sqrt(0.5), 1.0)
        scalar = 2 * xi - (inputs + 1) * step
        factor = _root(R) @ _exponential((exponent + scalar * jnp.eye(inputs)) / 2)
        R = _contracted(factor @ factor.T, step)
        return (R, F + common - 2 * xi - 2.5 * step), None

    R, F = jax.lax.scan(advance, (_contracted(R0, step / 2), jnp.zeros(())), noise)[0]
    R = _contracted(R, -step / 2)  # the last half step was a whole one
    return jnp.concatenate([R.ravel(), F[None]])


def _squares(R: Any, numbers: Any) -> Any:
    """z_ij^2, shape (..., N + 1, N + 1), from R."""
    diagonal = numbers.diagonal(R, axis1=-2, axis2=-1)
    inner = numbers.maximum(diagonal[..., :, None] + diagonal[..., None, :] - 2 * R, 0.0)
    lower = numbers.concatenate([diagonal[..., :, None], inner], axis=-1)
    first = numbers.concatenate([numbers.zeros_like(diagonal[..., :1]), diagonal], axis=-1)
    return numbers.concatenate([first[..., None, :], lower], axis=-2)


def _contracted(R: Array, step: Array) -> Array:
    """dR = b(R) ds for that time: z_ij -> z_ij/(1 + z_ij step/(3 pi)) for each pair."""
    z = jnp.sqrt(_squares(R, jnp))
    after = (z / (1 + z * step / (3 * math.pi))) ** 2
    return (after[1:, :1] + after[:1, 1:] - after[1:, 1:]) / 2


def _exponential(half: Array) -> Array:
    """exp of a small symmetric matrix, to the fifth order."""
    eye = jnp.eye(len(half))
    result = eye
    for k in (5.0, 4.0, 3.0, 2.0, 1.0):
        result = eye + half @ result / k
    return result


def _root(R: Array) -> Array:
    """A lower triangular C with C C^T = R, for a positive semi-definite R of any rank."""
    size = len(R)
    places = jnp.arange(size)

    def column(j: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        C, rest = state
        pivot = rest[j, j]
        kept = pivot > 1e-14 * R[j, j]
        values = jnp.where(kept, rest[:, j] / jnp.sqrt(jnp.where(kept, pivot, 1.0)), 0.0)
        values = jnp.where(places >= j, values, 0.0)
        return C.at[:, j].set(values), rest - jnp.outer(values, values)

    return jax.lax.fori_loop(0, size, column, (jnp.zeros_like(R), R))[0]


def _covariances(tangents: np.ndarray, log_norms: np.ndarray, norms: np.ndarray, width: int) -> np.ndarray:
    """V: unit vectors at the angles |T_i|/n from that of input 0, times the lengths."""
    radial = np.sqrt(np.diagonal(tangents, axis1=1, axis2=2)) / width
    scale = np.sinc(radial / math.pi) / width
    cosines = np.cos(radial)
    inner = scale[:, :, None] * scale[:, None, :] * tangents + cosines[:, :, None] * cosines[:, None, :]
    count = len(norms)
    units = np.ones((len(tangents), count, count))
    units[:, 1:, 1:] = inner
    units[:, 0, 1:] = units[:, 1:, 0] = cosines
    units[:, np.arange(count), np.arange(count)] = 1.0
    return np.exp(log_norms)[:, None, None] * units * np.outer(norms, norms)

"""Exact samples of stationary Gaussian sequences, by circulant embedding with a Cholesky fallback.

The autocovariances gamma_0..gamma_{n-1} are embedded in a circulant matrix of size 2 (n - 1), whose eigenvalues
are a Fourier transform. If none is negative, a sample takes one transform of 2 (n - 1) normals and has exactly
the wanted covariance; otherwise the n x n covariance is factored.

Sources: DaviesHarte1987; DietrichNewsam1997.
"""

import math
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError

METHODS = ("auto", "circulant", "cholesky")

#: Eigenvalues of a circulant embedding above minus this, relative to the largest, are rounding errors.
EIGENVALUE_TOLERANCE = 1e-14


class StationaryGaussian(eqx.Module):
    """The centred Gaussian law of (Z_0, ..., Z_{n-1}) with E Z_i Z_j = gamma_{|i-j|}. Immutable.

    `autocovariance`: gamma, shape (n,), n >= 1. `method`: "circulant", "cholesky", or "auto": circulant where
    the embedding has no negative eigenvalue, else Cholesky with a `RuntimeWarning`.

    Fields: `method`, the one in use ("circulant" or "cholesky"); `reason`, why, in words;
    `smallest_eigenvalue`, of the circulant embedding over its largest (NaN if it was not computed). Eigenvalues
    that are negative by rounding only, above -`EIGENVALUE_TOLERANCE` times the largest, count as 0, which moves
    no covariance by more than that much times the largest eigenvalue.

    Raises `InputError` for NaN, gamma_0 <= 0, an unknown method, "circulant" where an eigenvalue is negative, a
    gamma that is no autocovariance (the Cholesky factorisation fails), or one that takes too much memory.
    """

    method: str = eqx.field(static=True)
    reason: str = eqx.field(static=True)
    smallest_eigenvalue: float = eqx.field(static=True)
    size: int = eqx.field(static=True)
    factor: jax.Array

    def __init__(self, autocovariance: Any, *, method: str = "auto"):
        method = _checks.choice(method, METHODS, "method")
        gamma = _checks.real_array(autocovariance, "autocovariance")
        if gamma.ndim != 1 or gamma.size == 0 or not gamma[0] > 0:
            raise InputError(
                f"expected autocovariances gamma_0 > 0, gamma_1, ... of shape (n,), got shape {gamma.shape}"
                + (f" with gamma_0 = {gamma.flat[0]}" if gamma.size else "")
                + "; gamma_0 is the variance"
            )
        self.size = gamma.size
        self.method, self.reason, self.smallest_eigenvalue = "cholesky", "asked for", math.nan
        if method != "cholesky":
            eigenvalues = _embedding(gamma)
            self.smallest_eigenvalue = float(eigenvalues.min() / eigenvalues.max())
            if self.smallest_eigenvalue >= -EIGENVALUE_TOLERANCE:
                self.method, self.reason = "circulant", "the circulant embedding has no negative eigenvalue"
                self.factor = jnp.asarray(np.sqrt(np.maximum(eigenvalues, 0.0) / eigenvalues.size))
                return
            self.reason = (
                f"the circulant embedding of {gamma.size} points has a negative eigenvalue, "
                f"{self.smallest_eigenvalue:.3g} times its largest"
            )
            if method == "circulant":
                raise InputError(
                    f"expected a circulant embedding without negative eigenvalues, got {self.reason}; use "
                    f"method='cholesky', or more points"
                )
            warnings.warn(f"{self.reason}; the covariance is factored instead", RuntimeWarning, stacklevel=2)
        self.factor = jnp.asarray(_cholesky(gamma))

    def sample(self, key: jax.Array, channels: int = 1) -> jax.Array:
        """Independent copies, shape (n, channels), from a JAX random key."""
        key, channels = random_key(key), _checks.integer(channels, "channels", least=1)
        if self.method == "cholesky":
            return self.factor @ jax.random.normal(key, (self.size, channels))
        # The real and the imaginary part of one transform are independent, and both have the covariance gamma.
        pairs = (channels + 1) // 2
        real, imaginary = jax.random.normal(key, (2, self.factor.size, pairs))
        factor = self.factor[:, None]
        waves = jnp.fft.fft(jax.lax.complex(factor * real, factor * imaginary), axis=0)[: self.size]
        return jnp.stack([waves.real, waves.imag], -1).reshape(self.size, 2 * pairs)[:, :channels]


def _embedding(gamma: np.ndarray) -> np.ndarray:
    """The eigenvalues of the smallest circulant embedding, of size 2 (n - 1), or 1 for n = 1."""
    _checks.memory(64.0 * gamma.size, f"the circulant embedding of {gamma.size} points", "use fewer points")
    half = np.fft.rfft(np.concatenate([gamma, gamma[-2:0:-1]])).real
    return np.concatenate([half, half[-2:0:-1]])


def _cholesky(gamma: np.ndarray) -> np.ndarray:
    from scipy import linalg  # heavy, and needed here only

    _checks.memory(16.0 * gamma.size**2, f"the covariance matrix of {gamma.size} points", "use fewer points")
    try:
        return np.linalg.cholesky(linalg.toeplitz(gamma))
    except np.linalg.LinAlgError:
        raise InputError(
            f"expected a positive definite autocovariance, got one whose {gamma.size} x {gamma.size} matrix has no "
            f"Cholesky factor; check gamma, or use fewer points"
        ) from None


def random_key(key: Any) -> jax.Array:
    """`key` as one typed JAX random key; accepts the older uint32 form of `jax.random.PRNGKey` as well.

    Raises `InputError` for a whole number (a seed is no key) or several keys.
    """
    dtype, shape = getattr(key, "dtype", None), getattr(key, "shape", None)
    if isinstance(key, jax.Array) and jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key):
        typed = key
    elif isinstance(key, jax.Array | np.ndarray) and dtype == np.uint32 and shape and shape[-1] == 2:
        typed = jax.random.wrap_key_data(jnp.asarray(key))
    else:
        shown = key if isinstance(key, int) else type(key).__name__
        raise InputError(f"expected a JAX random key, got {shown}; make one with jax.random.key(seed)")
    if typed.shape != ():
        raise InputError(f"expected one random key, got shape {typed.shape}; use jax.vmap over keys")
    return typed

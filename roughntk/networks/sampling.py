"""Many random networks: one key for each sample, chunks that fit in memory, progress, and the kernels that come out."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.paths.gaussian import random_key

Progress = Callable[[int, int], None]
"""Called with the number of samples that are done, and of all."""

WEIGHTS = ("all", "hidden", "readout", "each")
"""Which weights a tangent kernel is of."""

_CHUNK_BYTES = 2**27
_MOST_IN_CHUNK = 4096


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class KernelSamples:
    """Kernels of random networks, sample by sample.

    Attributes:
        covariance: V_L of `FiniteNetwork.covariance`, shape (samples, N, N).
        tangent_kernel: of those weights, shape (samples, N, N); for weights="each" (samples, L + 1, N, N).
        weights: "all", "hidden", "readout" or "each".
        layers, width: L and n.
        route: "full networks", or "in law".
    """

    covariance: np.ndarray
    tangent_kernel: np.ndarray
    weights: str
    layers: int
    width: int
    route: str

    @property
    def correlation(self) -> np.ndarray:
        """V_ij/sqrt(V_ii V_jj), shape (samples, N, N)."""
        return normalised(self.covariance)

    @property
    def ratio(self) -> np.ndarray:
        """Theta_ij/sqrt(Theta_ii Theta_jj), in the shape of `tangent_kernel`."""
        return normalised(self.tangent_kernel)

    def __repr__(self) -> str:
        samples, points = self.covariance.shape[:2]
        diagonal = np.diagonal(self.tangent_kernel.reshape(samples, -1, points, points).sum(axis=1), axis1=1, axis2=2)
        return (
            f"KernelSamples({samples} of {self.layers} layers of width {self.width}, {self.route}, at {points} "
            f"input{'s' * (points > 1)}; tangent kernel of {self.weights} weights, mean diagonal {diagonal.mean():.3g})"
        )


def normalised(kernels: np.ndarray) -> np.ndarray:
    """K_ij/sqrt(K_ii K_jj) of matrices in the last two axes."""
    roots = np.sqrt(np.diagonal(kernels, axis1=-2, axis2=-1))
    return kernels / (roots[..., :, None] * roots[..., None, :])


def chosen(weights: str, each: Array) -> Array:
    """The kernel of those weights, from the kernels of W_1, ..., W_L and a, shape (..., L + 1, N, M)."""
    if weights == "each":
        return each
    if weights == "readout":
        return each[..., -1, :, :]
    return jnp.sum(each if weights == "all" else each[..., :-1, :, :], axis=-3)


def in_chunks(
    compute: Callable[[Array], Any], key: Array, samples: int, need: float, progress: Progress | None = None
) -> Any:
    """`compute(keys)` for keys of chunks of the samples, its arrays joined along their first axis as NumPy arrays.

    Sample i is that of the key fold_in(key, i), however many there are.

    Args:
        compute: takes keys of shape (chunk,), always as many, and returns arrays with that first axis.
        key: one key.
        samples: how many.
        need: bytes that one sample takes at the peak.
        progress: called after every chunk.
    """
    if progress is not None and not callable(progress):
        raise InputError(
            f"expected progress to be a function of (done, all), got {_checks.shown(progress)}; or leave it out"
        )
    chunk = int(min(samples, _MOST_IN_CHUNK, max(1.0, _CHUNK_BYTES // need)))
    parts = []
    for start in range(0, samples, chunk):
        kept = min(chunk, samples - start)
        part = compute(_keys(key, jnp.arange(start, start + chunk, dtype=jnp.uint32)))
        parts.append(jax.tree_util.tree_map(lambda leaf, kept=kept: np.asarray(leaf)[:kept], part))
        if progress is not None:
            progress(start + kept, samples)
    return jax.tree_util.tree_map(lambda *leaves: np.concatenate(leaves), *parts)


def known_key(key: Any) -> Array:
    """`key` as one typed JAX random key that is not traced."""
    if _checks.is_traced(key):
        raise _checks.traced("key")
    return random_key(key)


def key_of(key: Array, sample: int) -> Array:
    """The key of one sample."""
    return jax.random.fold_in(key, sample)


_keys = jax.jit(jax.vmap(jax.random.fold_in, in_axes=(None, 0)))


__all__ = ["WEIGHTS", "KernelSamples", "Progress", "chosen", "in_chunks", "key_of", "known_key", "normalised"]

"""Many samples of a compiled function of one random key, a portion at a time."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from roughntk import _checks

_LARGEST = 2**22  # numbers of a portion
_MOST = 4096  # samples of a portion


def in_portions(
    compute: Callable[[Array], Array],
    key: Array,
    samples: int,
    size: int,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """compute(keys) for the keys `fold_in(key, i)`, i = 0 ... samples - 1, in portions of one size, compiled once.

    Args:
        compute: takes keys of shape (portion,) to an array whose first axis is the same.
        key: a typed random key.
        samples: how many, at least 1.
        size: numbers that one sample keeps in memory.
        progress: told (samples done, all samples) after every portion.

    Returns:
        What was computed, shape (samples, ...).
    """
    portion = min(max(1, _LARGEST // max(size, 1)), _MOST, 1 << (samples - 1).bit_length())
    parts = []
    for first in range(0, samples, portion):
        places = first + np.arange(portion)
        keys = jax.vmap(lambda place: jax.random.fold_in(key, place))(jnp.asarray(places, dtype=np.uint32))
        parts.append(np.asarray(compute(keys))[: samples - first])
        if first == 0:
            _checks.memory(2.0 * parts[0][:1].nbytes * samples, f"{samples} samples", "use fewer samples")
        if progress is not None:
            progress(min(first + portion, samples), samples)
    return np.concatenate(parts)

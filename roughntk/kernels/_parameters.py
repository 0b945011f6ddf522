"""Parameters of kernel families: float64 scalars, checked where they are known, differentiable where traced."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from roughntk import _checks
from roughntk._checks import InputError


def number(
    value: Any, name: str, *, above: float = -math.inf, least: float = -math.inf, below: float = math.inf
) -> Array:
    """A real scalar as an array, finite, > above, >= least and < below; a traced one is taken as it is."""
    if _checks.is_traced(value):
        return jnp.asarray(value, dtype=jnp.result_type(float))
    array = np.asarray(value)
    if array.ndim or array.dtype.kind not in "fiu" or not math.isfinite(array.item()):
        raise InputError(f"expected {name} to be one finite real number, got {value!r}; use jax.vmap for many")
    found = float(array)
    if not (found > above and least <= found < below):
        wanted = [f"above {above:g}"] if above > -math.inf else []
        if least > -math.inf:
            wanted.append(f"at least {least:g}")
        if below < math.inf:
            wanted.append(f"below {below:g}")
        raise InputError(f"expected {name} {' and '.join(wanted)}, got {found:g}; correct it")
    return jnp.asarray(found, dtype=jnp.result_type(float))

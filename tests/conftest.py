"""What every test shares: no screen for figures, the package before JAX is used, repeatable examples."""

import os

os.environ["MPLBACKEND"] = "Agg"

import roughntk  # noqa: I001  first, so that 64 bit is on before anything makes a JAX array

import jax
from hypothesis import settings

# JAX options that every test runs under. Candidates, once the package and diffrax pass with them:
# jax_numpy_dtype_promotion="strict" and jax_numpy_rank_promotion="raise".
JAX_OPTIONS: dict[str, str] = {}
for option, value in JAX_OPTIONS.items():
    jax.config.update(option, value)

settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("repeatable")

assert roughntk.__version__

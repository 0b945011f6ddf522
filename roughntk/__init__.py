"""roughntk: the depth of an infinitely wide neural network as a continuous parameter.

Importing this package turns on JAX's 64-bit mode, unless the environment holds ROUGHNTK_ENABLE_X64=0.
"""

import os as _os

import jax as _jax

if _os.environ.get("ROUGHNTK_ENABLE_X64", "1") != "0":
    _jax.config.update("jax_enable_x64", True)

__version__ = "0.1.0"

from roughntk import depth, kernels, rough, sphere, study, transport
from roughntk._checks import InputError, MissingBackendError
from roughntk.transport import coefficients, depth_needed, predict

__all__ = [
    "InputError", "MissingBackendError", "coefficients", "depth", "depth_needed", "kernels", "predict",
    "rough", "sphere", "study", "transport",
]  # fmt: skip

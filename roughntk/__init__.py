"""roughntk: the depth of an infinitely wide neural network as a continuous parameter.

Importing this package turns on JAX's 64-bit mode, unless the environment holds ROUGHNTK_ENABLE_X64=0. JAX itself is
imported when something of the package is used first, so that `import roughntk` and `roughntk --help` take no time;
until then the variable JAX_ENABLE_X64 says it, to this process and to those that it starts.
"""

import importlib as _importlib
import os as _os
import sys as _sys
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from roughntk import depth, kernels, rough, sphere, study, transport
    from roughntk._checks import InputError, MissingBackendError
    from roughntk.transport.coefficients import coefficients
    from roughntk.transport.depth_needed import depth_needed
    from roughntk.transport.predictor import predict

__all__ = [
    "InputError", "MissingBackendError", "coefficients", "depth", "depth_needed", "kernels", "predict",
    "rough", "sphere", "study", "transport",
]  # fmt: skip

_ROOM_OF = {
    "InputError": "_checks",
    "MissingBackendError": "_checks",
    "coefficients": "transport",
    "depth_needed": "transport",
    "predict": "transport",
}
"""Where the public names that are no modules come from."""


def _turn_on_64_bit() -> None:
    if _os.environ.get("ROUGHNTK_ENABLE_X64", "1") == "0":
        return
    if "jax" in _sys.modules:
        _sys.modules["jax"].config.update("jax_enable_x64", True)
    else:
        _os.environ["JAX_ENABLE_X64"] = "1"


_turn_on_64_bit()


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'roughntk' has no attribute {name!r}")
    if name in _ROOM_OF:
        value = getattr(_importlib.import_module(f"roughntk.{_ROOM_OF[name]}"), name)
    else:
        value = _importlib.import_module(f"roughntk.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""roughntk: the depth of an infinitely wide neural network as a continuous parameter.

Importing this package turns on JAX's 64-bit mode, unless the environment holds ROUGHNTK_ENABLE_X64=0. JAX itself is
imported when something of the package is used first, so that `import roughntk` and `roughntk --help` take no time;
until then the variable JAX_ENABLE_X64 says it, to this process and to those that it starts.

In a process that is the command line, and in no other, the first thing is that Ctrl-C, SIGTERM and SIGHUP wait for the
program to listen (`roughntk._process`). Up to there nothing is imported that Python has not loaded or built in.
"""


def _is_command_line() -> bool:
    """Whether Python was started with `-m roughntk`, or on the console script of that name."""
    import os
    import sys

    given, started = list(getattr(sys, "argv", [])), list(getattr(sys, "orig_argv", []))
    if not 0 < len(given) < len(started):
        return False
    main = started[-len(given)]
    if given[0] == "-m":
        return main == "roughntk" or (main.startswith("-") and main.endswith("mroughntk"))
    return main == given[0] and os.path.basename(main) == "roughntk"


def _hold_signals() -> None:
    """Let SIGINT, SIGTERM and SIGHUP wait; `_process.supervised` takes those that came meanwhile."""
    import os

    if hasattr(os, "fork"):
        import _signal  # built in, while the module `signal` imports others first, which takes milliseconds

        held = {_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP}
        _signal.pthread_sigmask(_signal.SIG_BLOCK, held)


try:  # no signal is looked at before the first call
    if _is_command_line():
        _hold_signals()
except KeyboardInterrupt:
    import os as _os

    if not _is_command_line():
        raise
    try:
        _os.write(2, b"Interrupted.\n")
    finally:
        _os._exit(130)

import importlib as _importlib  # noqa: E402
import os as _os  # noqa: E402
import sys as _sys  # noqa: E402

TYPE_CHECKING = False
__version__ = "0.7.0"

if TYPE_CHECKING:
    from roughntk import (
        audit,
        certify,
        depth,
        explorer,
        files,
        kernels,
        linalg,
        maps,
        networks,
        regression,
        rough,
        sphere,
        study,
        teaching,
        transport,
    )
    from roughntk._checks import InputError, MissingBackendError
    from roughntk.depth import classify, depth_needed
    from roughntk.explorer import explore
    from roughntk.regression import coefficients, predict
    from roughntk.regression.estimators import DeepKernelClassifier, DeepKernelRegressor

__all__ = [
    "DeepKernelClassifier", "DeepKernelRegressor", "InputError", "MissingBackendError", "audit", "certify", "classify",
    "coefficients", "depth", "depth_needed", "explore", "explorer", "files", "kernels", "linalg", "maps", "networks",
    "predict", "regression", "rough", "sphere", "study", "teaching", "transport",
]  # fmt: skip

_MODULE_OF = {
    "DeepKernelClassifier": "regression.estimators",
    "DeepKernelRegressor": "regression.estimators",
    "InputError": "_checks",
    "MissingBackendError": "_checks",
    "classify": "depth",
    "coefficients": "regression",
    "depth_needed": "depth",
    "explore": "explorer",
    "predict": "regression",
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
    if name in _MODULE_OF:
        value = getattr(_importlib.import_module(f"roughntk.{_MODULE_OF[name]}"), name)
    else:
        value = _importlib.import_module(f"roughntk.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

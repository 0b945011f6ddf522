"""What is installed, and whether it computes the right numbers."""

import dataclasses
import functools
import importlib.metadata
import platform
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from roughntk import __version__, _compiled, rough
from roughntk.commands import compilation
from roughntk.kernels import ReluNTK

PACKAGES = (
    "numpy",
    "scipy",
    "jax",
    "jaxlib",
    "diffrax",
    "equinox",
    "lineax",
    "jaxtyping",
    "jinja2",
    "markupsafe",
    "matplotlib",
    "narwhals",
    "pandas",
    "scikit-learn",
    "threadpoolctl",
    "numba",
    "typer",
    "rich",
)
EXPECTED_SIGNATURE = (7.0, 5.0, 24.5, 19.0, 16.0, 12.5)
EXPECTED_KERNEL = 0.3792694356217554  # K_10 at rho_1 = 1/2


@dataclasses.dataclass(frozen=True)
class Check:
    """One line of the doctor's report; `state` is "ok", "absent" or "wrong"."""

    name: str
    state: str
    detail: str


def examine() -> list[Check]:
    """Versions, 64-bit mode, and one numeric self-test per backend."""
    checks = [Check("roughntk", "ok", __version__), Check("python", "ok", platform.python_version())]
    checks += [Check(name, "ok", importlib.metadata.version(name)) for name in PACKAGES]
    on = jax.dtypes.canonicalize_dtype(float) == np.float64
    checks.append(
        Check(
            "64-bit mode",
            "ok" if on else "wrong",
            "on" if on else "off: unset ROUGHNTK_ENABLE_X64 to turn it on",
        )
    )
    kept, where = _compiled.state()
    checks.append(Check("compiled functions", "ok" if kept else "absent", where))
    kept, where = compilation.state()
    checks.append(Check("compiled by JAX", "ok" if kept else "absent", where))
    checks.append(_test("kernel recursion", _kernel_error, 1e-14 if on else 1e-5))
    available = rough.available_backends()
    for backend in rough.SIGNATURE_BACKENDS:
        if backend in available:
            checks.append(_test(f"signatures: {backend}", functools.partial(_signature_error, backend), 1e-13))
        else:
            checks.append(Check(f"signatures: {backend}", "absent", rough.backend_install_command(backend)))
    return checks


def _test(name: str, error: Callable[[], float], tolerance: float) -> Check:
    try:
        size = error()
    except Exception as problem:  # a broken backend must be reported, not end the report
        return Check(name, "wrong", f"{type(problem).__name__}: {problem}")
    return Check(name, "ok" if size <= tolerance else "wrong", f"self-test error {size:.1e}")


def _kernel_error() -> float:
    return abs(float(ReluNTK().at_angle(jnp.asarray(np.pi / 3), 10)) / EXPECTED_KERNEL - 1)


def _signature_error(backend: str) -> float:
    """Against the signature of the path (1,1) (3,4) (5,2) (8,6), known exactly."""
    path = np.array([[1.0, 1.0], [3.0, 4.0], [5.0, 2.0], [8.0, 6.0]])
    return float(np.max(np.abs(np.asarray(rough.signature(path, 2, backend=backend)) - EXPECTED_SIGNATURE)))

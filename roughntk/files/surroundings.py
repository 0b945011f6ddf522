"""What may change the bits of a result beside its data and settings: versions, and the processor."""

import contextlib
import hashlib
import importlib.metadata
import os
import platform
from collections.abc import Sequence

from roughntk import __version__

PACKAGES = ("numpy", "scipy", "jax", "jaxlib", "equinox", "diffrax", "numba", "scikit-learn")
"""Whose versions may change a digit."""


def versions(more: Sequence[str] = ()) -> dict[str, str]:
    """The versions of this package, of Python, and of the packages that compute, as parts of a problem.

    >>> list(versions())[:2]
    ['version of roughntk', 'version of Python']
    """
    parts = {"version of roughntk": __version__, "version of Python": platform.python_version()}
    for package in (*PACKAGES, *more):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            parts[f"version of {package}"] = importlib.metadata.version(package)
    return parts


def place() -> dict[str, str]:
    """The machine, as far as it may change last digits: its processor, and the number of threads."""
    what = [platform.machine(), platform.processor()]
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
        what += sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))})
    what += [os.environ.get(name, "") for name in ("XLA_FLAGS", "OPENBLAS_CORETYPE", "OMP_NUM_THREADS")]
    affinity = getattr(os, "sched_getaffinity", None)
    processors = len(affinity(0)) if affinity else os.cpu_count()
    return {"processor": hashlib.sha256("\n".join(what).encode()).hexdigest(), "processors": str(processors)}


__all__ = ["place", "versions"]

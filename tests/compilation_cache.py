"""Where the tests keep compiled functions from one run to the next, and how much memory those of this run take."""

import hashlib
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "jax"
LIMIT = 500 * 2**20
"""Bytes; what lies in the cache is thrown away when it has grown beyond them."""


def folder(environment: Mapping[str, str]) -> str:
    """The folder that JAX is to use: one that the environment names, or one of ours.

    Of ours there is one for each version, processor and choice of instructions, so that no run gets code that another
    compiled for other instructions, and one for each worker: JAX writes its entries in place, and another process could
    read half of one.
    """
    given = environment.get("JAX_COMPILATION_CACHE_DIR")
    if given is not None and not given.startswith(str(CACHE)):
        return given
    what = "\n".join([version("jax"), version("jaxlib"), processor(), environment.get("XLA_FLAGS", "")])
    key = hashlib.sha256(what.encode()).hexdigest()[:16]
    return os.fspath(CACHE / key / environment.get("PYTEST_XDIST_WORKER", "alone"))


def resident() -> int:
    """Bytes of this process in memory; 0 where the system does not say."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if status.exists() else 0


def processor() -> str:
    """What the processor can do, as the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        return platform.processor()

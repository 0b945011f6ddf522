"""Where the tests keep compiled functions from one run to the next, and how much memory those of this run take."""

import contextlib
import ctypes
import hashlib
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "jax"
LIMIT = 600 * 2**20
"""Bytes; what lies in the cache is thrown away when it has grown beyond them."""


def folder(environment: Mapping[str, str]) -> str:
    """The folder that JAX is to use: one that the environment names, or one of ours.

    Of ours there is one for each version, processor and choice of instructions, so that no run gets code that another
    compiled for other instructions. All workers share it: see `write_entries_whole`.
    """
    given = environment.get("JAX_COMPILATION_CACHE_DIR")
    if given is not None and not given.startswith(str(CACHE)):
        return given
    what = "\n".join([version("jax"), version("jaxlib"), processor(), environment.get("XLA_FLAGS", "")])
    key = hashlib.sha256(what.encode()).hexdigest()[:16]
    return os.fspath(CACHE / key)


def write_entries_whole() -> None:
    """Let JAX put each entry of its cache in place at once, so that no other worker reads half of one.

    JAX writes them in place. The programs that tests start do so, too; half an entry of theirs is no archive, and its
    function is compiled again.
    """
    from jax._src.lru_cache import _CACHE_SUFFIX, LRUCache  # not before conftest.py has said where the cache is

    def put(self: LRUCache, key: str, value: bytes) -> None:
        entry = Path(str(self.path), key + _CACHE_SUFFIX)
        if not entry.exists():
            part = entry.with_name(f"{key}.{os.getpid()}")
            part.write_bytes(value)
            part.replace(entry)

    LRUCache.put = put


def resident() -> int:
    """Bytes of this process in memory; 0 where the system does not say."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if status.exists() else 0


def give_back() -> None:
    """Give the system the memory that was let go of, which the C library keeps; nothing where it has no way to."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def processor() -> str:
    """What the processor can do, as the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        return platform.processor()

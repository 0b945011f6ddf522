"""What fits into memory: refused before it is tried."""

import math
import os
from pathlib import Path

from roughntk._checks.errors import NotInMemoryError

_ALWAYS = 2**26  # bytes that are never asked about
_SHARE = 0.9  # of what is free may be taken: the interpreter and the compiler need some


def memory(need: float, what: str, remedy: str) -> None:
    """Refuse work that cannot fit in memory, before it is tried.

    Args:
        need: bytes at the peak, above what is taken already.
        what: what takes them, for the message: "expected {what} to fit in memory, got ...".
        remedy: what to lower.

    Raises:
        NotInMemoryError: `need` is more than nine tenths of the memory that this process can still get, from the
            machine and from the limits it runs under (control groups, resource limits).
    """
    if need <= _ALWAYS:
        return
    limit = _SHARE * available_memory()
    if not need <= limit:
        raise NotInMemoryError(
            f"expected {what} to fit in memory, got a need of {size_in_words(need)} where {size_in_words(limit)} are "
            f"free; {remedy}"
        )


def size_in_words(size: float) -> str:
    """Bytes in MiB, GiB or TiB, to three digits."""
    if not size < 2.0**80:
        return "more than 1e12 TiB"
    unit, name = next(
        (2.0**k, name) for k, name in ((40, "TiB"), (30, "GiB"), (20, "MiB")) if size >= 2.0**k or k == 20
    )
    return f"{size / unit:.3g} {name}"


def available_memory() -> float:
    """Bytes that this process can still get: the least that the machine and each limit leave; infinite if unknown."""
    return min([_machine(), _address_space(), *_control_groups()])


def _machine() -> float:
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            return 1024.0 * int(line.split()[1])
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return math.inf


def _address_space() -> float:
    """What a limit on the address space (ulimit -v) leaves."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return math.inf
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return math.inf
    used = next((line.split()[0] for line in _lines(Path("/proc/self/statm"))), "0")
    return max(0.0, limit - float(used) * os.sysconf("SC_PAGE_SIZE"))


def _control_groups() -> list[float]:
    """What each control group above this process leaves, version 2 or 1."""
    left = []
    for line in _lines(Path("/proc/self/cgroup")):
        _, controllers, place = (line.split(":", 2) + ["", ""])[:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        root = Path("/sys/fs/cgroup") / ("memory" if controllers else "")
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        limit, usage, idle = names if controllers else ("memory.max", "memory.current", "inactive_file")
        folder = root / place.lstrip("/")
        for group in (folder, *folder.parents):
            most, used = _first_number(group / limit), _first_number(group / usage)
            if most is not None and used is not None and most < 2**60:
                stats = (text.split() for text in _lines(group / "memory.stat"))
                cached = next((float(parts[1]) for parts in stats if parts[:1] == [idle]), 0.0)
                left.append(max(0.0, most - used + cached))
            if group == root:
                break
    return left


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []


def _first_number(path: Path) -> float | None:
    text = next(iter(_lines(path)), "")
    return float(text) if text.isdigit() else None

"""On which devices a command multiplies by kernel matrices, and how several processes of it come together."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from typing import Any

from roughntk import _process
from roughntk._settings import setting

AUTO = "auto"
ALL = "all"
COUNT_FLAG = "xla_force_host_platform_device_count"
"""What XLA calls the number of devices that a processor is taken for."""
MOST_OF_A_PROCESSOR, MOST_FOR_A_CORE = 64, 4
"""Devices that a host is taken for at most."""
PATIENCE = 300
"""Seconds that the processes wait for each other."""


@dataclasses.dataclass(frozen=True)
class DeviceSettings:
    """Devices and processes."""

    devices: str | None = setting(
        None,
        "Devices, of each process, that hold the rows in equal parts: a number, or all; they solve by conjugate "
        "gradients. If left out, this host's processors, or all devices where there is a --coordinator.",
        metavar="NUMBER",
    )
    coordinator: str | None = setting(
        None,
        "HOST:PORT of process 0, where several processes run this same command on parts of the rows; auto asks the "
        "cluster's scheduler (Slurm, Open MPI) for all three.",
        metavar="HOST:PORT",
    )
    processes: int | None = setting(None, "How many processes there are, at least 1; with --coordinator.", least=1)
    process: int | None = setting(None, "Which of them this is, from 0 on; process 0 prints and writes.", least=0)


@dataclasses.dataclass(frozen=True)
class Devices:
    """What a command computes on.

    Attributes:
        devices: as of `roughntk.regression.KernelOperator`.
        first: whether this is the process that prints and writes.
    """

    devices: Any
    first: bool


@contextlib.contextmanager
def devices_of(settings: DeviceSettings) -> Iterator[Devices]:
    """The devices that options name, once all processes have come together; before anything is computed.

    Raises:
        InputError: options that do not go together, fewer devices than asked for, processes that do not come.
    """
    count = _count(settings)
    _check_processes(settings)
    if settings.devices is None and settings.coordinator is None:
        yield Devices(None, True)
        return
    import jax

    if isinstance(count, int) and COUNT_FLAG not in os.environ.get("XLA_FLAGS", ""):
        with contextlib.suppress(RuntimeError):  # of a process that has computed already, as in a notebook
            jax.config.update("jax_num_cpu_devices", count)  # of the processor, where there is nothing else
    if settings.coordinator is None:
        yield Devices(count, True)
        return
    with _silent_output():
        _come_together(settings)
        _process.one_of_several()
        try:
            yield Devices(count, jax.process_index() == 0)
        finally:
            with contextlib.suppress(RuntimeError):  # of a process that has gone
                jax.distributed.shutdown()


@contextlib.contextmanager
def _silent_output() -> Iterator[None]:
    """Nothing on standard output, where JAX's communication by processors (gloo) says to whom it is connected."""
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _count(settings: DeviceSettings) -> int | str:
    """How many devices of each process. Raises `InputError` for what is no number."""
    from roughntk import _checks
    from roughntk._checks import InputError

    given = settings.devices
    if given is None or given == ALL:
        return ALL
    if not (given.isascii() and given.isdecimal()):
        raise InputError(f"expected --devices to be a number or all, got {given!r}; write for instance --devices 4")
    most = max(MOST_OF_A_PROCESSOR, MOST_FOR_A_CORE * (os.cpu_count() or 1))
    return _checks.integer(int(given), "--devices", least=1, most=most)


def _check_processes(settings: DeviceSettings) -> None:
    """Raise `InputError` for options that mean nothing together."""
    from roughntk._checks import InputError

    named = {"--processes": settings.processes, "--process": settings.process}
    given = [name for name, value in named.items() if value is not None]
    if settings.coordinator is None and given:
        raise InputError(
            f"expected --coordinator, the address of process 0, with {' and '.join(given)}, got none; write for "
            f"instance --coordinator localhost:12345"
        )
    if settings.coordinator == AUTO and given:
        raise InputError(
            f"expected no {' or '.join(given)} with --coordinator {AUTO}, which asks the scheduler; leave them out"
        )
    if settings.coordinator in (None, AUTO):
        return
    host, _, port = settings.coordinator.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal() and 0 < int(port) < 2**16):
        raise InputError(
            f"expected --coordinator to be HOST:PORT or {AUTO}, got {settings.coordinator!r}; write for instance "
            f"--coordinator localhost:12345"
        )
    if settings.processes is None or settings.process is None:
        missing = " and ".join(name for name in named if name not in given)
        raise InputError(f"expected {missing} with --coordinator {settings.coordinator}, got none; say how many, which")
    if settings.processes < 1 or not 0 <= settings.process < settings.processes:
        raise InputError(
            f"expected --process from 0 to {settings.processes - 1}, got {settings.process}; --processes counts all"
        )


def _come_together(settings: DeviceSettings) -> None:
    """Wait for the other processes. Raises `InputError` where they do not come."""
    import jax

    from roughntk._checks import InputError

    given: dict[str, Any] = {}
    if settings.coordinator != AUTO:
        given = {
            "coordinator_address": settings.coordinator, "num_processes": settings.processes,
            "process_id": settings.process,
        }  # fmt: skip
        _check_free(settings)
    try:
        jax.distributed.initialize(**given, initialization_timeout=PATIENCE)
    except (RuntimeError, ValueError) as problem:
        reason = str(problem).splitlines()[0][:200]
        if settings.coordinator == AUTO:
            raise InputError(
                f"expected a scheduler that says where the processes are with --coordinator {AUTO}, got none "
                f"({reason}); start them by it (srun, mpirun), or write --coordinator HOST:PORT"
            ) from None
        raise InputError(
            f"expected the processes of --coordinator {settings.coordinator} to come together within {PATIENCE} s, got "
            f"{reason}; start all of them, with the same address and each with its --process"
        ) from None


def _check_free(settings: DeviceSettings) -> None:
    """Raise `InputError` where the port that process 0 will listen on is taken."""
    import socket

    from roughntk._checks import InputError

    if settings.process != 0 or settings.coordinator is None:
        return
    port = int(settings.coordinator.rpartition(":")[2])
    with socket.socket(socket.AF_INET6 if socket.has_ipv6 else socket.AF_INET) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("", port))
        except OSError as problem:
            raise InputError(
                f"expected port {port} of --coordinator to be free, got an error ({problem.strerror}); name another in "
                f"every process"
            ) from None


__all__ = ["DeviceSettings", "Devices", "devices_of"]

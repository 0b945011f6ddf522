"""The kernel matrix parted among devices of one processor, and among processes: same answer, and how it scales.

    python benchmarks/devices.py                 1, 2, 4 and 8 devices of one process, then 1 and 2 processes

Products are compared with those of the matrix itself. Several devices of one processor share its cores, all of which
one device takes already (XLA's map over blocks of rows): they show what is right, not what is gained. What they take is
set beside the compiled loops, which a single host without an accelerator should use. Processes have a core each; two
of them are compared with one (Linux; elsewhere they share the cores). Writes results/devices.json.
"""

import argparse
import contextlib
import functools
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

RESULT = Path(__file__).parent / "results" / "devices.json"
POINTS, DIMENSION, VECTORS, DEPTH = 6000, 64, 10, 1000
COUNTS = (1, 2, 4, 8)
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false --xla_force_host_platform_device_count={}"


def problem() -> tuple[Any, np.ndarray, np.ndarray]:
    """A family, points, and what is multiplied."""
    import roughntk as rn

    X = rn.sphere.uniform(POINTS, DIMENSION, 0)
    return rn.kernels.ReluNTK(), X, np.random.default_rng(1).normal(size=(POINTS, VECTORS))


def in_one_process(repeats: int = 5) -> dict[str, Any]:
    """Meshes of several sizes in one process."""
    import jax
    from paired import paired_ratio

    import roughntk as rn

    family, X, V = problem()
    matrix = np.asarray(family(X, depth=DEPTH)) @ V
    operators = {n: rn.regression.KernelOperator(family, X, depth=DEPTH, devices=n) for n in COUNTS}
    loops = rn.regression.KernelOperator(family, X, depth=DEPTH)
    record: dict[str, Any] = {"platform": jax.devices()[0].platform}
    for n, operator in operators.items():
        off = float(np.abs(operator @ V - matrix).max() / np.abs(matrix).max())
        assert off < 1e-12
        parts = {part.data.shape[0] for part in operator._sharded._there[1].addressable_shards}
        these = functools.partial(operator.apply, V)
        record[f"{n} devices"] = {
            "difference": off, "rows_of_each": max(parts),
            "time_of_one_over_these": paired_ratio(lambda: operators[1] @ V, these, repeats).as_dict(),
            "time_over_compiled_loops": paired_ratio(these, lambda: loops @ V, repeats).as_dict(),
        }  # fmt: skip
    return record


def one_of(processes: int, address: str, process: int, repeats: int = 7) -> dict[str, Any]:
    """One device of each of some processes, on a core each."""
    with contextlib.suppress(AttributeError):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[process]})
    import jax

    if processes > 1:
        jax.distributed.initialize(address, processes, process)
    import roughntk as rn

    family, X, V = problem()
    operator = rn.regression.KernelOperator(family, X, depth=DEPTH, devices="all")
    product, seconds = operator @ V, []
    for _ in range(repeats):
        start = time.perf_counter()
        operator @ V
        seconds.append(time.perf_counter() - start)
    record: dict[str, Any] = {"seconds": round(min(seconds), 3)}
    if process == 0:
        matrix = np.asarray(family(X, depth=DEPTH)) @ V
        record["difference"] = float(np.abs(product - matrix).max() / np.abs(matrix).max())
        assert record["difference"] < 1e-12
        record["rows_of_each"] = operator._sharded._there[1].addressable_shards[0].data.shape[0]
    return record


def child(*words: str, devices: int) -> subprocess.Popen:
    """This script in a process of its own, whose answer is the last line of its standard error."""
    environment = os.environ | {"XLA_FLAGS": ONE_THREAD.format(devices), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, __file__, *words],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def answer(process: subprocess.Popen) -> dict[str, Any]:
    """What a child said."""
    text = process.communicate()[1]
    if process.returncode:
        raise RuntimeError(text)
    return json.loads(text.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--child", nargs="*", help=argparse.SUPPRESS)
    words = parser.parse_args().child
    if words is not None:
        result = one_of(int(words[0]), words[1], int(words[2])) if words else in_one_process()
        sys.stderr.write("\n" + json.dumps(result) + "\n")
        return
    record: dict[str, Any] = {"cores": os.cpu_count(), "load_at_start": round(os.getloadavg()[0], 1)}
    record["one_process"] = answer(child("--child", devices=max(COUNTS)))
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    for count in (1, 2):
        parts = [child("--child", str(count), address, str(process), devices=1) for process in range(count)]
        record[f"{count} processes, a core each"] = [answer(each) for each in parts][0]
    seconds = [record[f"{count} processes, a core each"]["seconds"] for count in (1, 2)]
    record["time_of_one_process_over_two"] = round(seconds[0] / seconds[1], 2)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()

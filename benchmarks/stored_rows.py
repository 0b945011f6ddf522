"""Rows on a disk against the same rows in memory: what they take of memory, and of time.

    python benchmarks/stored_rows.py             writes results/stored_rows.json

Each measurement is a process of its own, which notes its anonymous memory (RssAnon of /proc/self/status: the pages of
mapped files are not in it) every 5 ms. Where rows are on a disk the process may not allocate more than `LIMIT` beyond
what it has once everything is imported and compiled (RLIMIT_DATA), which is less than the rows take.

1. One product with the kernel matrix, and a solve at depth 1000, of rows of 154 MB.
2. `roughntk predict` on a table, with and without --scratch.

CPU seconds are of the process without its start; results agree to 1e-10. Linux only.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

RESULT = Path(__file__).parent / "results" / "stored_rows.json"
LIMIT = 128 * 2**20
"""Bytes."""
PROBLEMS = {"apply": (16_000, 1_200), "solve": (4_000, 4_800)}
"""Rows and columns: 154 MB each."""
TABLE = (60_000, 40)


def status(name: str) -> int:
    """Bytes of an entry of /proc/self/status."""
    with open("/proc/self/status") as lines:
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


class Watch:
    """The peak of the anonymous memory of this process, above that at the start, and the CPU seconds."""

    def __enter__(self) -> "Watch":
        self.base, self.peak, self.done = status("RssAnon"), 0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        self.cpu, self.wall = time.process_time(), time.perf_counter()
        return self

    def run(self) -> None:
        while not self.done.wait(0.005):
            self.peak = max(self.peak, status("RssAnon") - self.base)

    def __exit__(self, *_: object) -> None:
        self.cpu, self.wall = time.process_time() - self.cpu, time.perf_counter() - self.wall
        self.done.set()
        self.thread.join()

    def record(self) -> dict[str, float]:
        """Megabytes and seconds."""
        whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {
            "anonymous_megabytes": round(self.peak / 1e6, 1), "cpu_seconds": round(self.cpu, 1),
            "seconds": round(self.wall, 1), "maxrss_megabytes_with_file_pages": round(whole / 1e6),
        }  # fmt: skip


def work(what: str, X: np.ndarray) -> np.ndarray:
    """The product or the coefficients."""
    import roughntk as rn

    family = rn.kernels.ReluNTK()
    if what == "apply":
        return rn.regression.KernelOperator(family, X, depth=1000) @ np.cos(np.arange(len(X)))
    x = np.eye(1, X.shape[1])
    return rn.regression.solve(family, X, x, depth=1000, method="iterative").coefficients[:, 0]


def child(what: str, place: str, file: str) -> None:
    """One measurement; prints a JSON line and writes what was computed beside the file."""
    import roughntk as rn

    if what == "predict":
        child_predict(place, file)
        return
    work(what, rn.sphere.uniform(1500, 20, 0))  # imports and compiles
    mapped = np.load(file, mmap_mode="r")
    if place == "disk":
        resource.setrlimit(resource.RLIMIT_DATA, (status("VmData") + LIMIT, resource.RLIM_INFINITY))
        try:
            np.array(mapped)
        except MemoryError:
            pass
        else:
            raise AssertionError("the limit is above what the rows take")
    with Watch() as watch:
        result = work(what, mapped if place == "disk" else np.array(mapped))
    np.save(f"{file}.{place}", result)
    print(json.dumps(watch.record()))


def child_predict(place: str, file: str) -> None:
    """`roughntk predict` of a table."""
    from typer.testing import CliRunner

    from roughntk.cli import app

    def run(data: str) -> Any:
        words = ["--target", "y", "--points", "400", "--test-points", "50", "--depth", "20", "--json"]
        more = ["--scratch", f"{file}.scratch"] if place == "disk" else []
        return CliRunner().invoke(app, ["predict", data, *words, *more], catch_exceptions=False)

    with open(file) as lines, open(small := f"{file}.{place}.csv", "w") as out:
        out.writelines(line for line, _ in zip(lines, range(1000), strict=False))
    assert run(small).exit_code == 0
    with Watch() as watch:
        result = run(file)
    np.save(f"{file}.{place}", np.array(json.loads(result.stdout)["values"]))
    print(json.dumps(watch.record()))


def measured(what: str, file: Path) -> dict[str, Any]:
    """Both ways of one measurement, which agree."""
    record: dict[str, Any] = {}
    for place in ("disk", "memory"):
        command = [sys.executable, __file__, "--child", what, place, str(file)]
        ended = subprocess.run(command, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        record[place] = json.loads(ended.stdout.splitlines()[-1])
        print(what, place, record[place], flush=True)
    one, other = (np.load(f"{file}.{place}.npy") for place in ("disk", "memory"))
    record["difference"] = float(np.abs(one - other).max() / np.abs(other).max())
    record["cpu_ratio_disk_over_memory"] = round(record["disk"]["cpu_seconds"] / record["memory"]["cpu_seconds"], 2)
    assert record["difference"] < 1e-10
    return record


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--child", nargs=3, metavar=("WHAT", "PLACE", "FILE"))
    if given := arguments.parse_args().child:
        child(*given)
        return
    import pandas as pd

    import roughntk as rn

    record: dict[str, Any] = {
        "what": __doc__.splitlines()[0], "limit_megabytes": round(LIMIT / 1e6), "cores": os.cpu_count(),
        "machine": platform.machine(), "problems": {},
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for what, (n, dimension) in PROBLEMS.items():
            file = Path(folder, f"{what}.npy")
            np.save(file, rn.sphere.uniform(n, dimension, 0))
            size = {"rows": n, "columns": dimension, "megabytes": round(8e-6 * n * dimension)}
            record["problems"][what] = size | measured(what, file)
            file.unlink()
        X = np.random.default_rng(0).normal(size=TABLE)
        file = Path(folder, "table.csv")
        pd.DataFrame(X, columns=[f"x{j}" for j in range(TABLE[1])]).assign(y=X[:, 0] * X[:, 1]).to_csv(
            file, index=False
        )
        size = {"rows": TABLE[0], "columns": TABLE[1], "megabytes_of_text": round(file.stat().st_size / 1e6)}
        record["problems"]["predict"] = size | measured("predict", file)
    RESULT.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

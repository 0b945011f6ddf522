"""Kills a small study by SIGKILL at random moments, lets it go on, and compares what it wrote with a run that was not
killed.

    python tools/kill_and_resume.py                 20 times
    python tools/kill_and_resume.py --times 5 --seed 1
    python tools/kill_and_resume.py -- wine --points 20 --depths 2,5,100    another study

The first kill of each time comes at a moment that is drawn from its share of the length of a whole run, so that all of
it is tried; in two of three times others follow while the study goes on. All bytes have to be the same but the seconds
that stages took (`timings` in study.json, and the hash of study.json in the list of files). Exit code 1 where they are
not, or where anything is left beside the report.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STUDY = ("wine", "--points", "6", "--depths", "1:6")


def start(study: list[str], where: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "roughntk", "study", *study, "--out", "report"], cwd=where, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def killed(study: list[str], where: Path, moment: float) -> str:
    """Kill the study after so many seconds: when, and how many stages had been saved, or that there was a report."""
    process = start(study, where)
    try:
        process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    if (where / "report").exists():
        return f"{moment:.0f} (report)"
    return f"{moment:.0f} ({len(list(where.glob('.report.unfinished-*/*.npz')))})"


def finished(study: list[str], where: Path) -> tuple[float, str]:
    """Let the study go on to its end: seconds, and what it says of what was done."""
    begun = time.perf_counter()
    process = start(study, where)
    _, said = process.communicate()
    if process.returncode:
        raise SystemExit(f"the study ended with exit code {process.returncode}:\n{said}")
    lines = [line.partition(": ")[2] for line in said.splitlines() if line.startswith("Resuming ")]
    return time.perf_counter() - begun, lines[0].rstrip(".") if lines else "from the beginning"


def content(report: Path) -> dict[str, bytes]:
    """All files, without the seconds in them."""
    files = {str(path.relative_to(report)): path.read_bytes() for path in report.rglob("*") if path.is_file()}
    for name, entry in (("study.json", ("timings",)), (".roughntk.json", ("files", "study.json"))):
        record = part = json.loads(files[name])
        for key in entry[:-1]:
            part = part[key]
        part.pop(entry[-1])
        files[name] = json.dumps(record).encode()
    return files


def differences(whole: dict[str, bytes], where: Path) -> list[str]:
    """Files that differ, and what lies beside the report."""
    here = content(where / "report")
    names = sorted(name for name in {*whole, *here} if whole.get(name) != here.get(name))
    return names + sorted(path.name for path in where.iterdir() if path.name != "report")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("study", nargs="*", default=STUDY)
    given = parser.parse_args()
    study, chance = list(given.study), random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        whole_at = Path(folder) / "whole"
        whole_at.mkdir()
        finished(study, whole_at)  # compiles
        seconds, _ = finished(study, whole_at)
        whole = content(whole_at / "report")
        print(f"roughntk study {' '.join(study)}: {seconds:.1f} s, {len(whole)} files")
        print(f"{'':>3}  {'killed after s (stages that it had)':<34}  {'then s':>6}  {'what was done':<58}  bytes")
        right = 0
        for number in range(given.times):
            where = Path(folder) / str(number)
            where.mkdir()
            moments = [(number + chance.random()) / given.times * seconds]
            moments += [chance.random() * seconds for _ in range(number % 3)]
            fell = [killed(study, where, moment) for moment in moments]
            took, done = finished(study, where)
            apart = differences(whole, where)
            right += not apart
            verdict = "the same" if not apart else f"DIFFERENT: {', '.join(apart[:5])}"
            print(
                f"{number + 1:>3}  {', '.join(fell):<34}  {took:>6.1f}  {done:<58}  {verdict}",
                flush=True,
            )
    print(f"{right} of {given.times} the same")
    return int(right < given.times)


if __name__ == "__main__":
    sys.exit(main())

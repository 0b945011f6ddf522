"""Run the numerical tests again under other instruction sets: `make test-portable`.

Compiled code rounds differently where vectors are shorter or there is no fused multiply-add. Each run below chooses the
instruction set of the three compilers that the package computes with: XLA's, numba's, and the kernels of OpenBLAS. The
run begins with what each of them really uses, and fails where that is not what was asked for.

    python tools/portable.py [pytest's options]
    python tools/portable.py --show          what this process uses
"""

import dataclasses
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KNOWN = ("sse4.2", "avx", "avx2", "fma", "avx512f")


@dataclasses.dataclass(frozen=True)
class InstructionSet:
    """The settings of one run.

    Attributes:
        xla: the most that XLA may use.
        openblas: whose kernels OpenBLAS takes.
        numba: the processor that numba compiles for.
        needs: flags of the processor without which these settings end in an illegal instruction.
        absent: what XLA must not use.
    """

    xla: str
    openblas: str
    numba: str
    needs: frozenset[str]
    absent: frozenset[str]


RUNS = (
    InstructionSet("SSE4_2", "Sandybridge", "generic", frozenset({"avx"}), frozenset({"avx", "fma", "avx512f"})),
    InstructionSet("AVX2", "Haswell", "haswell", frozenset({"avx2", "fma"}), frozenset({"avx512f"})),
)


@dataclasses.dataclass(frozen=True)
class Used:
    """What one process uses: flags in XLA's code, and the names that OpenBLAS and numba give."""

    xla: frozenset[str]
    openblas: frozenset[str]
    numba: str

    def __str__(self) -> str:
        xla = ", ".join(flag for flag in KNOWN if flag in self.xla) or "unknown"
        return f"XLA {xla}; OpenBLAS {', '.join(sorted(self.openblas)) or 'absent'}; numba {self.numba}"


def used() -> Used:
    """What this process uses, read from compiled code and from the libraries that are loaded."""
    import jax
    import jax.numpy as jnp
    import numba.core.registry
    import scipy.linalg
    import threadpoolctl

    compiled = jax.jit(lambda x: jnp.sin(x) @ x).lower(jnp.ones((64, 64))).compile()
    code = jax.devices()[0].client.serialize_executable(compiled.runtime_executable())
    flags = {flag for flag in KNOWN if re.search(rb"\+" + flag.encode().replace(b".", rb"\.") + rb"\b", code)}
    scipy.linalg.cholesky([[1.0]])
    found = threadpoolctl.threadpool_info()
    blas = {library["architecture"] for library in found if library["internal_api"] == "openblas"}
    numba_codegen = numba.core.registry.cpu_target.target_context.codegen()
    return Used(frozenset(flags), frozenset(blas), numba_codegen.magic_tuple()[1])


def environment(chosen: InstructionSet, base: Mapping[str, str]) -> dict[str, str]:
    """The environment `base` with these settings, whatever it had chosen itself."""
    flags = [flag for flag in base.get("XLA_FLAGS", "").split() if not flag.startswith("--xla_cpu_max_isa")]
    return dict(base) | {
        "XLA_FLAGS": " ".join([*flags, f"--xla_cpu_max_isa={chosen.xla}"]),
        "OPENBLAS_CORETYPE": chosen.openblas,
        "NUMBA_CPU_NAME": chosen.numba,
        "NUMBA_CPU_FEATURES": "",
    }


def complaints(chosen: InstructionSet, found: Used) -> list[str]:
    """In what the instruction sets that are used differ from those chosen."""
    said = []
    if not found.xla or found.xla & chosen.absent:
        said.append(f"expected XLA to stay within {chosen.xla}, got {', '.join(sorted(found.xla)) or 'nothing known'}")
    if found.openblas != {chosen.openblas}:
        said.append(f"expected OpenBLAS kernels of {chosen.openblas}, got {', '.join(found.openblas) or 'none'}")
    if found.numba != chosen.numba:
        said.append(f"expected numba to compile for {chosen.numba}, got {found.numba}")
    return said


def processor_flags(listing: str = "/proc/cpuinfo") -> frozenset[str]:
    """The flags of the processor; empty where the system does not list them."""
    try:
        text = Path(listing).read_text()
    except OSError:
        return frozenset()
    found = re.search(r"^flags\s*:\s*(.*)$", text, re.MULTILINE)
    return frozenset(found[1].split()) if found else frozenset()


def main(arguments: Sequence[str]) -> int:
    """Every run in turn; the exit code of the first that fails."""
    if list(arguments) == ["--show"]:
        found = used()
        print(found)
        chosen = [run for run in RUNS if run.openblas == os.environ.get("OPENBLAS_CORETYPE")]
        said = complaints(chosen[0], found) if chosen else []
        for line in said:
            print(line, file=sys.stderr)
        return int(bool(said))
    flags = processor_flags()
    if platform.machine() not in ("x86_64", "AMD64") or not flags:
        print("This processor has no other instruction sets that are known here; nothing to run again.")
        return 0
    for run in RUNS:
        if not run.needs <= flags:
            print(f"=== {run.xla}: this processor lacks {', '.join(sorted(run.needs - flags))}; left out", flush=True)
            continue
        settings = environment(run, os.environ)
        print(f"=== {run.xla}", flush=True)
        for command in (
            [str(Path(__file__).resolve()), "--show"],
            ["-m", "pytest", "--numprocesses", "2", "--dist", "loadfile", "-m", "portable", *arguments],
        ):
            code = subprocess.run([sys.executable, *command], cwd=ROOT, env=settings, check=False).returncode
            if code:
                print(f"=== {run.xla}: failed (exit code {code})", file=sys.stderr, flush=True)
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Tries an installed roughntk from where it is run; tools/check_distribution.py runs it in clean environments.

    python try_installed.py VERSION

It needs nothing but the installed package, and writes into the working folder.
"""

import importlib
import json
import pkgutil
import subprocess
import sys
import time
from pathlib import Path

#: K_10 of the ReLU NTK at the correlation 1/2.
KERNEL = 0.3792694356217554
POINTS = ["length,width,age,price", "50,20,10,7.6", "52,19,6,6.6", "61,30,3,9.1", "44,12,8,5.2", "58,25,2,8.8",
          "47,16,9,6.1", "66,31,1,9.9", "55,22,4,7.9"]  # fmt: skip


def called(*words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("roughntk")), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def has_command(name: str) -> bool:
    """Whether the command line knows a command."""
    return called(name, "--help").returncode == 0


def roughntk(*words: str) -> str:
    """What the command prints."""
    result = called(*words)
    if result.returncode:
        sys.exit(f"{' '.join(words)}: exit code {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def import_everything() -> int:
    """The number of modules of the package; each is imported, none needs an extra."""
    import roughntk as package

    names = [module.name for module in pkgutil.walk_packages(package.__path__, "roughntk.")]
    for name in names:
        if not name.endswith("__main__"):
            importlib.import_module(name)
    return len(names)


def main(version: str) -> None:
    import roughntk as rn

    place = Path(rn.__file__).resolve()
    assert Path(sys.prefix).resolve() in place.parents, f"imported from {place}"
    assert rn.__version__ == version, rn.__version__
    assert version in roughntk("--version")
    checks = json.loads(roughntk("doctor", "--json"))
    assert checks["healthy"], checks
    print(f"doctor finds {sum(check['state'] == 'ok' for check in checks['checks'])} things well")
    error = abs(float(rn.kernels.ReluNTK().at_correlation(0.5, 10)) / KERNEL - 1)
    assert error < 1e-14, error
    print(f"{import_everything()} modules can be imported; a kernel value has the relative error {error:.0e}")
    started = time.perf_counter()
    Path("points.csv").write_text("\n".join(POINTS) + "\n", encoding="utf-8")
    answer = json.loads(
        roughntk(
            "limit", "points.csv", "--target", "price", "--points", "4", "--test-points", "2", "--depth", "5", "--json"
        )
    )
    assert answer["data"]["n"] == 4 and answer["residual"] < 1e-12, answer
    assert all(abs(u - 1 / 7) < 1e-12 for row in answer["limit_coefficients"] for u in row), answer
    print(f"limit answers on a table ({time.perf_counter() - started:.0f} s)")
    templates = sorted(place.parent.glob("study/templates/*.j2"))
    assert len(templates) >= 5 and all(rn.study.report.template(path.name) for path in templates)
    if not has_command("explore"):
        print("there is no command explore yet, so it is not tried")
        return
    started = time.perf_counter()
    roughntk("explore", "points.csv", "--target", "price", "--points", "4", "--out", "page.html")
    page = Path("page.html").read_text(encoding="utf-8")
    assert "<script" in page and "</html>" in page
    print(f"explore writes a page of {len(page) / 1e6:.1f} MB in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1])

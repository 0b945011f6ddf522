"""The built-in signature against signax and pysiglib, and every adapter against its package alone, in one process.

    python benchmarks/signature.py      the ratios; writes results/signature.json where all packages are installed

32 paths of 1,000 points in 5 channels, level 4, float64; gradients are of the sum of all entries. What is not installed
is left out and named; `make bench-signatures` makes an environment that has everything. Adapters: A is
roughntk.rough.signature(X, 4, backend=...), checks included, B the package's own call on the same contiguous array, for
one path and, where the package takes them, for all 32. Memory: that of the compiled gradient for one path.
"""

import functools
import importlib
import importlib.metadata
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from paired import paired_ratio

from roughntk import rough
from roughntk.rough.algebra import tensor
from roughntk.rough.algebra.operations import multiply_exp

RESULT = Path(__file__).parent / "results" / "signature.json"
PATHS, POINTS, CHANNELS, LEVEL = 32, 1000, 5, 4
REPEATS = 25
PEERS = ("signax", "pysiglib", "iisignature", "esig", "roughpy")


def brownian() -> np.ndarray:
    steps = np.random.default_rng(0).normal(size=(PATHS, POINTS, CHANNELS))
    return np.cumsum(steps, axis=1) / np.sqrt(POINTS)


def installed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def gradient(function: Callable[[jax.Array], jax.Array]) -> Callable[[jax.Array], jax.Array]:
    return jax.jit(jax.grad(lambda x: function(x).sum()))


def compared(a: Callable[[], Any], b: Callable[[], Any], repeats: int = REPEATS) -> dict[str, float]:
    """The paired ratio, after a look at whether the two agree."""
    first, second = np.asarray(a()), np.asarray(b())
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-12 * np.abs(second).max())
    return paired_ratio(a, b, repeats=repeats, warmup=2).as_dict()


def against_peers(X: np.ndarray, modules: dict[str, Any]) -> dict[str, Any]:
    x = jnp.asarray(X)
    ours, found = functools.partial(rough.signature, level=LEVEL), {}
    if signax := modules.get("signax"):
        theirs = functools.partial(signax.signature, depth=LEVEL)
        found["signax_over_ours_forward"] = compared(lambda: theirs(x), lambda: ours(x))
        theirs_back, ours_back = gradient(theirs), gradient(ours)
        found["signax_over_ours_gradient"] = compared(lambda: theirs_back(x), lambda: ours_back(x))
    if pysiglib := modules.get("pysiglib"):
        found["ours_over_pysiglib_one_thread"] = compared(lambda: ours(x), lambda: pysiglib.sig(X, LEVEL))
    return found


def own_calls(modules: dict[str, Any]) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """What a user of each package would write for one path, less the leading 1."""

    def by_roughpy(path: np.ndarray) -> np.ndarray:
        roughpy = modules["roughpy"]
        context = roughpy.get_context(CHANNELS, LEVEL, roughpy.DPReal)
        stream = roughpy.LieIncrementStream.from_increments(np.diff(path, axis=0), ctx=context)
        return np.array(stream.signature(roughpy.RealInterval(0, POINTS), ctx=context))[1:]

    calls: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "iisignature": lambda path: modules["iisignature"].sig(path, LEVEL),
        "pysiglib": lambda path: modules["pysiglib"].sig(path, LEVEL),
        "esig": lambda path: modules["esig"].stream2sig(path, LEVEL)[1:],
        "roughpy": by_roughpy,
    }
    return {name: call for name, call in calls.items() if name in modules}


def adapters(X: np.ndarray, modules: dict[str, Any]) -> dict[str, dict[str, Any]]:
    path, found = X[0].copy(), {}
    for name, own in own_calls(modules).items():
        ours = functools.partial(rough.signature, level=LEVEL, backend=name)
        # The fast ones take 0.2 to 2 ms, which a pair shares with whatever else runs: many pairs, of one call each.
        fast = name in ("iisignature", "pysiglib")
        found[name] = {
            "one_path": compared(lambda f=ours: f(path), lambda f=own: f(path), 2001 if fast else 15)  # type: ignore[misc]
        }
        if fast:
            found[name]["all_paths"] = compared(lambda f=ours: f(X), lambda f=own: f(X))  # type: ignore[misc]
    return found


def working_memory(modules: dict[str, Any]) -> dict[str, float]:
    """Bytes of the compiled gradient for one path, over those of the built-in signature's."""

    def by_steps(x: jax.Array) -> jax.Array:
        start = tensor.identity(CHANNELS, LEVEL)
        steps = jnp.diff(x, axis=0)
        return tensor.flatten(jax.lax.scan(lambda s, dx: (multiply_exp(s, dx), None), start, steps)[0])

    functions = {"scan_over_points": by_steps}
    if signax := modules.get("signax"):
        functions["signax"] = functools.partial(signax.signature, depth=LEVEL)

    def temporary(function: Callable[[jax.Array], jax.Array]) -> int:
        compiled = gradient(function).lower(jnp.zeros((POINTS, CHANNELS))).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    ours = temporary(functools.partial(rough.signature, level=LEVEL))
    return {name: round(temporary(function) / ours, 1) for name, function in functions.items()}


def main() -> None:
    modules = {name: module for name in PEERS if (module := installed(name)) is not None}
    X = brownian()
    found = {
        "what": "time ratios, memory ratios",
        "paths": PATHS, "points": POINTS, "channels": CHANNELS, "level": LEVEL,
        "cores": os.cpu_count(),
        "versions": {name: importlib.metadata.version(name) for name in ("jax", "numpy", *modules)},
        "not_installed": [name for name in PEERS if name not in modules],
        "built_in": against_peers(X, modules),
        "adapter_over_package": adapters(X, modules),
        "gradient_memory_over_ours": working_memory(modules),
    }  # fmt: skip
    if not found["not_installed"]:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

"""How many cases each fuzzer gets: 1,000 in all in the suite, always the same ones; ROUGHNTK_FUZZ_CASES asks for more,
and then for others every time. Each case has an oracle of its own, independent of the code that it tries."""

import functools
import os
from collections.abc import Callable
from typing import Any

import jax
from compilation_cache import resident
from hypothesis import HealthCheck, Phase, settings

SUITE = 1000
CASES = int(os.environ.get("ROUGHNTK_FUZZ_CASES", SUITE))
SHARES = {
    "arguments": 0.40,
    "kernels": 0.12,
    "solves": 0.03,
    "variation": 0.14,
    "signatures": 0.10,
    "tables": 0.12,
    "folders": 0.04,
    "command line": 0.05,
}


def cases(share: str) -> Callable[[Any], Any]:
    """The settings of the fuzzer of that name, which lets go of compiled functions when they take much memory."""
    chosen = settings(
        max_examples=max(1, round(CASES * SHARES[share])),
        deadline=None,
        derandomize=CASES <= SUITE,
        database=None,
        print_blob=CASES > SUITE,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )

    def decorated(test: Any) -> Any:
        if CASES > SUITE:  # what is let go of is compiled again
            test.hypothesis.inner_test = _tidy(test.hypothesis.inner_test)
        return chosen(test)

    return decorated


def _tidy(test: Callable[..., None]) -> Callable[..., None]:
    """The test, with JAX's caches emptied where the process has grown beyond 3 GiB: shapes are new all the time."""
    count = 0

    @functools.wraps(test)
    def each(*arguments: Any, **named: Any) -> None:
        nonlocal count
        count += 1
        if count % 200 == 0 and resident() > 3 * 2**30:
            jax.clear_caches()
        return test(*arguments, **named)

    return each

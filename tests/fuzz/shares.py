"""How many cases each fuzzer gets: 2,000 in all in the suite, always the same ones; ROUGHNTK_FUZZ_CASES asks for more,
and then for others every time. Each case has an oracle of its own, independent of the code that it tries."""

import os

from hypothesis import HealthCheck, Phase, settings

CASES = int(os.environ.get("ROUGHNTK_FUZZ_CASES", "2000"))
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


def cases(share: str) -> settings:
    """Hypothesis settings for the fuzzer of that name."""
    return settings(
        max_examples=max(1, round(CASES * SHARES[share])),
        deadline=None,
        derandomize=CASES <= 2000,
        database=None,
        print_blob=CASES > 2000,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )

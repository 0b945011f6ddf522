"""How many threads linear algebra takes.

A study solves some thousand systems of a few dozen points, by the routines of NumPy and of SciPy in turn, each with
threads of its own that go on waiting for work after every call, on the processors that the next call needs. On two
cores that makes a study of 40 points three times as slow, and its singular value decomposition twenty times.
"""

import contextlib
from collections.abc import Iterator

FEWEST_POINTS = 500
"""From so many training points on, one factorisation is work enough for several threads."""


@contextlib.contextmanager
def fitting_threads(points: int) -> Iterator[None]:
    """One thread for the linear algebra of NumPy and SciPy while there are fewer than `FEWEST_POINTS` points."""
    if points >= FEWEST_POINTS:
        yield
        return
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield

"""A function of each block of an array in several threads: for compiled ones, which release the interpreter's lock."""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import numpy as np

Result = TypeVar("Result")

_THREADS = 16
"""At most."""


def in_threads(function: Callable[[np.ndarray], Result], blocks: list[np.ndarray]) -> list[Result]:
    """`function` of each block, in order; in as many threads as there are processors for, this one among them.

    A thread takes the next block when it is done with one. Those that get no processor in time take none, and are not
    waited for. The threads stay: to start them takes as long as some hundred thousand entries.

    >>> import numpy as np
    >>> in_threads(len, [np.arange(3), np.arange(4)])
    [3, 4]
    """
    waiting, results = deque(enumerate(blocks)), {}

    def work() -> None:
        while waiting:
            try:
                number, block = waiting.popleft()
            except IndexError:  # another thread was faster
                return
            results[number] = function(block)

    helpers = [_pool().submit(work) for _ in range(min(processors(), _THREADS, len(blocks)) - 1)]
    try:
        work()
    finally:
        waiting.clear()
        for helper in helpers:
            if not helper.cancel():
                helper.result()
    return [results[number] for number in range(len(blocks))]


def processors() -> int:
    """How many of them this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, "roughntk")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a child has none of its parent's threads


__all__ = ["in_threads", "processors"]

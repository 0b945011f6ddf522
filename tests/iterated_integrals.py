"""A slow second route to signatures, and paths whose signatures have errors that mean something."""

import itertools
import math

import numpy as np


def slow_signature(path, level):
    """Iterated integrals in plain Python: on a straight piece S^w = prod dx^{w_i} / k!, joined word by word
    (Chen).
    """
    channels = len(path[0])
    words = [w for k in range(level + 1) for w in itertools.product(range(channels), repeat=k)]
    total = {w: float(not w) for w in words}
    for start, end in itertools.pairwise(path):
        dx = [float(b) - float(a) for a, b in zip(start, end, strict=True)]
        piece = {w: math.prod(dx[i] for i in w) / math.factorial(len(w)) for w in words}
        total = {w: math.fsum(total[w[:k]] * piece[w[k:]] for k in range(len(w) + 1)) for w in words}
    return np.array([total[w] for w in words[1:]])


def random_path(seed, points, channels, length=3.0):
    """A random path of l1-length `length`: then |S^k| <= length^k / k! <= 4.5, and absolute errors mean
    something.
    """
    dx = np.random.default_rng(seed).normal(size=(points - 1, channels))
    return np.cumsum(np.vstack([np.zeros(channels), dx * length / np.abs(dx).sum()]), 0) + 0.5


# Each entry is a sum of products with a total size of at most 3^k/k! <= 4.5; 1e-12 leaves about 1000
# roundings.
TOLERANCE = 1e-12

"""The bordered system of a kernel whose entries all tend to one value."""

import numpy as np
from jaxtyping import Float


def bordered_system(G, g, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """([[G, 1], [1^T, -ratio]], [g, 1]), shapes (n + 1, n + 1) and (n + 1, m)."""
    n, m = np.shape(g)
    matrix = np.block([[np.asarray(G), np.ones((n, 1))], [np.ones((1, n)), np.full((1, 1), -ratio)]])
    return matrix, np.concatenate([np.asarray(g), np.ones((1, m))])


def bordered_solve(G, g, ratio: float) -> Float[np.ndarray, "n m"]:
    """Coefficients of K = c 1 1^T + s G, b = c 1 + s g, without forming K: the bordered system

        [ G    1    ] [ u  ]   [ g ]
        [ 1^T -s/c  ] [ mu ] = [ 1 ]

    which stays well conditioned as s/c -> 0, where K itself becomes singular. `ratio` is s/c.
    """
    return np.linalg.solve(*bordered_system(G, g, ratio))[:-1]

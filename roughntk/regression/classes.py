"""Which class outputs of one-hot targets decide for."""

import numpy as np

_TIED = 1e-12  # outputs that differ by less than this part of the largest are one


def decided(outputs: np.ndarray) -> np.ndarray:
    """The column of the largest output of each row, shape (m,); of those that only rounding tells apart the first.

    >>> decided(np.array([[0.1, 0.7], [0.5, 0.5 + 1e-16]])).tolist()
    [1, 0]
    """
    top = outputs.max(axis=1, keepdims=True)
    return np.asarray((outputs >= top - _TIED * np.abs(top)).argmax(axis=1))


def accuracy_of(outputs: np.ndarray, wanted: np.ndarray) -> float:
    """Part of the rows whose largest output is that of the class that is wanted; both of shape (m, k).

    >>> accuracy_of(np.array([[0.1, 0.7], [0.9, 0.5]]), np.array([[0.0, 1.0], [0.0, 1.0]]))
    0.5
    """
    return float(np.mean(decided(outputs) == wanted.argmax(axis=1)))


__all__ = ["accuracy_of", "decided"]

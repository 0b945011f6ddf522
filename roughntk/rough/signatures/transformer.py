"""Signatures as features: a transformer of scikit-learn.

This module imports scikit-learn: `rn.rough.SignatureTransformer` loads it when it is touched.
"""

import itertools
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.algebra.bases import hall_brackets
from roughntk.rough.algebra.lyndon import lyndon_brackets
from roughntk.rough.paths.piecewise_linear import path_array
from roughntk.rough.signatures.evaluation import BASES, SIGNATURE_BACKENDS, log_signature, signature


class SignatureTransformer(TransformerMixin, BaseEstimator):
    """The signature or log-signature of each path of a batch, as the features of that path.

    Args:
        level: the truncation N >= 1.
        log: whether log-signatures are taken.
        basis: of log-signatures: "lyndon", "hall" or "words".
        backend: as for `rn.rough.signature`.
        channels: None for batches (n, points, channels), and for lists of paths (points, channels), which may differ in
            their numbers of points. A number for tables with one path a row, (n, points channels), the channels of the
            first point first: what comes before in a Pipeline may hand these on.

    Attributes:
        channels_: the number of channels.

    >>> import numpy as np
    >>> import roughntk as rn
    >>> paths = np.array([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
    >>> areas = rn.rough.SignatureTransformer(2, log=True).fit(paths)
    >>> areas.transform(paths).tolist(), areas.get_feature_names_out().tolist()
    ([[1.0, 1.0, 0.5], [1.0, 1.0, -0.5]], ['1', '2', '[1,2]'])
    """

    def __init__(self, level=3, *, log=False, basis="lyndon", backend="jax", channels=None):
        self.level = level
        self.log = log
        self.basis = basis
        self.backend = backend
        self.channels = channels

    def fit(self, X, y=None):
        """Note the number of channels; nothing else is learnt.

        Args:
            X: paths; see `channels` of the class.
            y: not looked at.

        Returns:
            The transformer.

        Raises:
            InputError: no paths, bad parameters.
        """
        _checks.level(self.level)
        _checks.flag(self.log, "log")
        _checks.choice(self.basis, BASES, "basis")
        _checks.choice(self.backend, (*SIGNATURE_BACKENDS, "auto"), "backend")
        self.channels_ = self._paths(X)[0].shape[-1]
        return self

    def transform(self, X):
        """The features of each path.

        Args:
            X: paths with as many channels as those that were fitted.

        Returns:
            Shape (n, features), in the order of `get_feature_names_out`.

        Raises:
            InputError: as `rn.rough.signature`; another number of channels.
        """
        check_is_fitted(self)
        batches = self._paths(X)
        for batch in batches:
            if batch.shape[-1] != self.channels_:
                raise InputError(
                    f"expected paths of {self.channels_} channels, as those that were fitted, got {batch.shape[-1]}; "
                    f"use the same channels for both"
                )
        return np.concatenate([np.asarray(self._features(batch)) for batch in batches])

    def get_feature_names_out(self, input_features=None):
        """Words of a signature as "1,2", the brackets of a log-signature as "[1,2]"; letters are channels from 1 on."""
        check_is_fitted(self)
        if self.log and self.basis != "words":
            brackets = lyndon_brackets if self.basis == "lyndon" else hall_brackets
            return np.array(brackets(self.channels_, self.level), dtype=object)
        letters = [str(letter + 1) for letter in range(self.channels_)]
        words = [",".join(word) for k in range(1, self.level + 1) for word in itertools.product(letters, repeat=k)]
        return np.array(words, dtype=object)

    def _features(self, batch: np.ndarray) -> Any:
        if self.log:
            return log_signature(batch, self.level, basis=self.basis, backend=self.backend)
        return signature(batch, self.level, backend=self.backend)

    def _paths(self, X: Any) -> list[np.ndarray]:
        """Batches (n, points, channels), one for all paths or one for each."""
        if self.channels is not None:
            channels = _checks.integer(self.channels, "channels", least=1)
            table = _checks.matrix(X, "X")
            if table.shape[1] % channels or table.shape[1] < 2 * channels:
                raise InputError(
                    f"expected columns for at least two points of {channels} channels each, got {table.shape[1]} "
                    f"columns; correct channels, or the table"
                )
            return [table.reshape(len(table), -1, channels)]
        if isinstance(X, list | tuple) and X and len({np.shape(path) for path in map(_points, X)}) > 1:
            return [_points(path)[None] for path in X]
        batch = np.asarray([_points(path) for path in X] if isinstance(X, list | tuple) else X)
        if batch.ndim != 3:
            raise InputError(
                f"expected a batch of paths of shape (paths, points, channels), got shape {batch.shape}; add the "
                f"missing axis, or say with channels=... that each row of a table is a path"
            )
        return [path_array(batch, "X", batch=True)]


def _points(path: Any) -> np.ndarray:
    """One path of a list, shape (points, channels)."""
    return np.asarray(path_array(path))


__all__ = ["SignatureTransformer"]

"""The targets of points: numbers as they are, text as classes; and features that look like a target."""

from collections.abc import Iterator

import numpy as np

from roughntk._checks import InputError
from roughntk.files.tables.table import CLOCK, DATE, TEXT, Column, Table, printable
from roughntk.files.tables.time_column import called, example
from roughntk.files.tables.words import counted, joined

LABEL_NAMES = (
    "label", "labels", "class", "classes", "target", "targets", "y", "species", "category", "kind", "outcome",
    "response",
)  # fmt: skip
MOST_CLASSES = 20
"""Whole numbers of up to so many values are called classes."""
PIECE = 2**14
"""Rows that are looked at together, so that nothing of the size of a column is copied."""


def target_of(column: Column, table: Table, kept: np.ndarray) -> tuple[np.ndarray, tuple[str, ...], str]:
    """The targets of a column: numbers as they are, text one-hot; the classes of text; and a sentence on them.

    Raises:
        InputError: dates, infinite numbers, or text that is another in every row.
    """
    if column.kind in (DATE, CLOCK):
        raise InputError(
            f"expected numbers or text as the target, got dates in {called(column)} of {table.name}; encode them"
        )
    if column.kind == TEXT:
        classes = tuple(sorted({column.values[row] for row in kept}))
        if len(classes) == len(kept) > 2:
            raise InputError(
                f"expected classes in {called(column)} of {table.name}, got another text in each of its {len(kept)} "
                f"rows ({example(table, column)}); name the column that holds the classes"
            )
        y = np.full((len(column.values), len(classes)), np.nan)
        texts = np.array([column.values[row] for row in kept], dtype=object)
        y[kept] = texts[:, None] == np.array(classes, dtype=object)
        shown = tuple(map(printable, classes))
        sentence = (
            f"The target is {column.label}: {counted(len(shown), 'class')} ({joined(shown)}), one-hot; the prediction "
            f"is the class whose sum is largest."
        )
        return y, shown, sentence
    y = column.floats()
    bad = kept[~np.isfinite(y[kept])]
    if bad.size:
        raise InputError(
            f"expected finite targets in {called(column)} of {table.name}, got {y[bad[0]]} in {table.places(bad)}; "
            f"correct or remove them"
        )
    values = np.unique(y[kept])
    if _are_labels(values, len(kept)):
        listed = f"{counted(len(values), 'class')} ({joined([f'{value:.0f}' for value in values])})"
        return y, (), f"The target is {column.label}: {listed}, taken as the numbers that they are."
    return y, (), f"The target is {column.label}: numbers from {values[0]:g} to {values[-1]:g}."


def _are_labels(values: np.ndarray, rows: int) -> bool:
    return bool(2 <= len(values) <= min(MOST_CLASSES, max(rows // 2, 2)) and (values == np.round(values)).all())


def label_like(features: Table, kept: np.ndarray) -> list[str]:
    """A sentence where a feature looks like a label: by its name, or the last one by its values."""
    if len(features.columns) < 2:
        return []
    named = [column for column in features.columns if column.name.lower() in LABEL_NAMES]
    if not named and not _ends_with_labels(features, kept):
        return []
    column = named[0] if named else features.columns[-1]
    values = np.unique(column.floats()[kept])
    few = f"{counted(len(values), 'value')}: {joined([f'{value:g}' for value in values])}"
    return [
        f"Column {column.label} looks like a label ({few}) and is used as a feature; --target "
        f"{features.option(column)} takes it as the target."
    ]


def _ends_with_labels(features: Table, kept: np.ndarray) -> bool:
    """Whether the last column holds a few whole numbers, and at least half of the others hold fractions.

    Columns are looked at a piece at a time, and no further than the answer needs.
    """
    last, others = features.columns[-1], features.columns[:-1]
    if len(kept) < 6:
        return False
    few = np.empty(0)
    for piece in _pieces(last, kept):
        few = np.unique(np.concatenate([few, piece]))
        if len(few) > MOST_CLASSES:
            return False
    if not _are_labels(few, len(kept)):
        return False
    fractions = 0
    for column in others:
        fractions += any((piece % 1 != 0).any() for piece in _pieces(column, kept))
        if 2 * fractions >= len(others):
            return True
    return False


def _pieces(column: Column, kept: np.ndarray) -> Iterator[np.ndarray]:
    """The numbers of a column in the rows that are kept, a piece at a time."""
    for first in range(0, len(kept), PIECE):
        yield np.asarray(column.values[kept[first : first + PIECE]], dtype=np.float64)


__all__ = ["LABEL_NAMES", "MOST_CLASSES", "PIECE", "label_like", "target_of"]

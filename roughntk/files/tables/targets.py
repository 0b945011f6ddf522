"""The targets of points: numbers, or classes, one-hot; and features that look like a target."""

from collections.abc import Iterator, Sequence

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
"""Whole numbers of up to so many values are taken as classes."""
TASKS = ("auto", "classification", "regression")
"""What targets are: classes, numbers, or what they look like."""
PIECE = 2**14
"""Rows that are looked at together, so that nothing of the size of a column is copied."""


def target_of(
    column: Column, table: Table, kept: np.ndarray, task: str = "auto", known: tuple[str, ...] = ()
) -> tuple[np.ndarray, tuple[str, ...], str]:
    """The targets of a column, numbers or one-hot; the classes; and a sentence on them.

    Text is classes, and so are whole numbers of a few values where `task` is "auto"; `known` are all classes that there
    are to be, none for those of the column.

    Raises:
        InputError: dates, infinite numbers, classes that are others in every row or not known, text for a regression.
    """
    if column.kind in (DATE, CLOCK):
        raise InputError(
            f"expected numbers or text as the target, got dates in {called(column)} of {table.name}; encode them"
        )
    if column.kind == TEXT:
        if task == "regression":
            raise InputError(
                f"expected numbers as targets of a regression in {called(column)} of {table.name}, got text "
                f"({example(table, column)}); name another column, or leave --task out"
            )
        texts = np.array([column.values[row] for row in kept], dtype=object)
        if known:
            return _of_known(np.array([printable(text) for text in texts], dtype=object), known, column, table, kept)
        names = sorted(set(texts))
        if len(names) == len(kept) > 2:
            raise _no_classes(column, table, kept, f"text in each of its {len(kept)} rows ({example(table, column)})")
        y, shown = _scattered(one_hot(texts, names), column, kept), tuple(map(printable, names))
        return y, shown, in_classes(column.label, shown)
    y = column.floats()
    bad = kept[~np.isfinite(y[kept])]
    if bad.size:
        raise InputError(
            f"expected finite targets in {called(column)} of {table.name}, got {y[bad[0]]} in {table.places(bad)}; "
            f"correct or remove them"
        )
    if known:
        return _of_known(np.array([_digits(value) for value in y[kept]], dtype=object), known, column, table, kept)
    values = np.unique(y[kept])
    if task == "classification" and len(values) == len(kept) > 2:
        raise _no_classes(column, table, kept, f"number in each of its {len(kept)} rows ({y[kept[0]]:g}, ...)")
    guessed = task == "auto" and _are_labels(values, len(kept))
    if guessed or task == "classification":
        shown = tuple(map(_digits, values))
        sentence = in_classes(column.label, shown) + " --task regression takes them as numbers." * guessed
        return _scattered(one_hot(y[kept], values), column, kept), shown, sentence
    return y, (), f"The target is {column.label}: numbers from {values[0]:g} to {values[-1]:g}."


def one_hot(values: np.ndarray, classes: Sequence | np.ndarray) -> np.ndarray:
    """1 where a value is the class of the column and 0 elsewhere, shape (values, classes).

    >>> one_hot(np.array([2, 5, 2]), [2, 5]).tolist()
    [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    """
    return np.asarray(values[:, None] == np.array(classes, dtype=values.dtype), dtype=np.float64)


ONE_HOT = ", one-hot; the prediction is the class whose sum is largest"
"""What becomes of targets that are classes, but where somebody makes something else of them."""


def in_classes(label: str, classes: Sequence[str]) -> str:
    """The sentence on targets that are classes."""
    return f"The target is {label}: {counted(len(classes), 'class')} ({joined(classes)}){ONE_HOT}."


def _of_known(
    labels: np.ndarray, known: tuple[str, ...], column: Column, table: Table, kept: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...], str]:
    """What `target_of` returns for labels of the rows `kept`, which are to be among those that are known."""
    other = np.flatnonzero([label not in known for label in labels])
    if other.size:
        raise InputError(
            f"expected classes of the training points ({joined(known)}) in {called(column)} of {table.name}, got "
            f"{labels[other[0]]!r} in {table.place(kept[other[0]])}; leave those rows out, or train on some of them"
        )
    return _scattered(one_hot(labels, known), column, kept), known, in_classes(column.label, known)


def _digits(value: float) -> str:
    """A number that is a class, as text: 1 for 1.0, and all digits of others."""
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e15 else repr(float(value))


def _scattered(rows: np.ndarray, column: Column, kept: np.ndarray) -> np.ndarray:
    """Rows in the places `kept`, NaN in all others."""
    y = np.full((len(column.values), rows.shape[1]), np.nan)
    y[kept] = rows
    return y


def _no_classes(column: Column, table: Table, kept: np.ndarray, got: str) -> InputError:
    return InputError(
        f"expected classes in {called(column)} of {table.name}, got another {got}; name the column that holds the "
        f"classes"
    )


def _are_labels(values: np.ndarray, rows: int) -> bool:
    return bool(2 <= len(values) <= min(MOST_CLASSES, max(rows // 2, 2)) and (values == np.round(values)).all())


def label_like(features: Table, kept: np.ndarray, target: Column | None = None) -> list[str]:
    """A sentence where a feature looks like a label: by its name or, without a target, the last one by its values."""
    if len(features.columns) < 2:
        return []
    named = [column for column in features.columns if column.name.lower() in LABEL_NAMES]
    if not named and (target is not None or not _ends_with_labels(features, kept)):
        return []
    column = named[0] if named else features.columns[-1]
    values = np.unique(column.floats()[kept])
    few = f"{counted(len(values), 'value')}: {joined([f'{value:g}' for value in values])}"
    option = features.option(column)
    remedy = f"--target {option} takes it as the target" if target is None else f"--drop {option} leaves it out"
    return [f"Column {column.label} looks like a label ({few}) and is used as a feature; {remedy}."]


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


__all__ = [
    "LABEL_NAMES", "MOST_CLASSES", "ONE_HOT", "PIECE", "TASKS", "in_classes", "label_like", "one_hot", "target_of",
]  # fmt: skip

"""A table as it was read: named columns of numbers, dates or text, and what was guessed about the file.

Nothing is decided here about what a column is for; `selection` does that.
"""

import codecs
import dataclasses
import shlex
import unicodedata
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk._settings import values_of
from roughntk.files.reading_settings import MISSING_RULES, ReadingSettings

NUMBER, DATE, CLOCK, TEXT = "number", "date", "time of day", "text"
TRUTH_NOTE = "true and false are read as 1 and 0"


@dataclasses.dataclass(frozen=True)
class Reading(ReadingSettings):
    """How a table is to be read, checked; `roughntk.files.reading_settings` says what each setting means.

    Raises:
        InputError: a delimiter, decimal mark, encoding or rule that there is not.
    """

    def __post_init__(self) -> None:
        _checks.choice(self.missing, MISSING_RULES, "--missing")
        if self.decimal is not None:
            _checks.choice(self.decimal, (".", ","), "--decimal")
        given: str | tuple[str, ...] = self.drop
        object.__setattr__(self, "drop", (given,) if isinstance(given, str) else tuple(map(str, given)))
        if self.encoding is not None:
            object.__setattr__(self, "encoding", _codec(self.encoding))
        if self.delimiter is None:
            return
        named = {"tab": "\t", "\\t": "\t", "space": " ", "whitespace": " ", "comma": ",", "semicolon": ";"}
        mark = named.get(self.delimiter, self.delimiter)
        if len(mark) != 1 or mark.isalnum() or mark in '".+-#\n\r':
            raise InputError(
                f"expected --delimiter to be one character between cells, or tab or space, got {self.delimiter!r}; "
                f"write for instance --delimiter ';'"
            )
        if mark == self.decimal:
            raise InputError(f"expected a --delimiter other than the --decimal mark, got {mark!r} for both; change one")
        object.__setattr__(self, "delimiter", mark)

    @classmethod
    def of(cls, settings: ReadingSettings) -> "Reading":
        """Settings that were not checked, as those of a command line."""
        return cls(**values_of(settings, ReadingSettings))

    def check_used(self, kind: str, name: str) -> None:
        """Raise `InputError` where settings of text cells are given and `name` holds none.

        Args:
            kind: "text", "json", or another, which is no text at all.
            name: of the source, for the message.
        """
        if kind == "text":
            return
        options = ["header", "delimiter", "decimal", *(["encoding"] if kind != "json" else [])]
        given = [f"--{each}" for each in options if getattr(self, each) is not None]
        if given:
            raise InputError(
                f"expected {' and '.join(given)} with a file of text only, got {name}, which holds no lines of cells; "
                f"leave {'it' if len(given) == 1 else 'them'} out"
            )


def _codec(given: str) -> str:
    """Python's name of an encoding of text. Raises `InputError` where there is none of that name."""
    try:
        "0".encode(given)  # refuses those that are no encodings of text, as base64
        return codecs.lookup(given).name
    except (LookupError, ValueError, TypeError):
        raise InputError(
            f"expected --encoding to name an encoding of text, got {_checks.shown(given)}; write for instance utf-8, "
            f"cp1252, utf-16 or shift_jis"
        ) from None


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: its name, empty where it has none.
        number: its place in the source, counted from 1.
        kind: NUMBER, DATE, CLOCK or TEXT.
        values: float64, int64 or uint64 for numbers (NaN where missing), datetime64 for dates and timedelta64 for
            times of the day (NaT where missing), objects for text (None where missing); shape (rows,).
        whole_days: of dates, whether none has a time of the day.
        note: how its cells were read, where that is a guess, as part of a sentence.
        utc: of dates, whether they are in UTC, which they had an offset from.
    """

    name: str
    number: int
    kind: str
    values: np.ndarray
    whole_days: bool = False
    note: str = ""
    utc: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", printable(self.name))

    @property
    def label(self) -> str:
        """What a message calls it."""
        return self.name or f"column {self.number}"

    def missing(self) -> np.ndarray:
        """Which rows have no entry here, shape (rows,)."""
        if self.kind == TEXT:
            return np.array([cell is None for cell in self.values], dtype=bool)
        if self.values.dtype.kind in "mM":
            return np.isnat(self.values)
        return np.isnan(self.values) if self.values.dtype.kind == "f" else np.zeros(len(self.values), dtype=bool)

    def take(self, rows: np.ndarray) -> "Column":
        """The column of those rows."""
        return dataclasses.replace(self, values=self.values[rows])

    def floats(self) -> np.ndarray:
        """The numbers as float64."""
        return np.asarray(self.values, dtype=np.float64)

    def cell(self, row: int) -> str:
        """The entry of a row as text."""
        value = self.values[row]
        return printable(str(value)) if self.kind == TEXT else str(value)


@dataclasses.dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: of the file, fit to be printed.
        columns: all of the same length.
        notes: one sentence for each guess.
        line: the line of the file that a row comes from; None where rows are no lines.
    """

    name: str
    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()
    line: Callable[[int], int] | None = None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.columns[0].values) if self.columns else 0

    @property
    def named(self) -> bool:
        """Whether any column has a name."""
        return any(column.name for column in self.columns)

    def place(self, row: int) -> str:
        """A row as a message names it."""
        return f"row {row} (counted from 0)" if self.line is None else f"line {self.line(int(row))}"

    def places(self, rows: Iterable[int], limit: int = 5) -> str:
        """Several rows as a message names them."""
        rows = [int(row) for row in rows]
        if self.line is None:
            return f"{_checks.name_rows(rows, limit)} (counted from 0)"
        lines = _checks.name_rows([self.line(row) for row in rows[:limit]], limit)
        more = f" and {len(rows) - limit} more" if len(rows) > limit else ""
        return "line" + lines.removeprefix("row") + more

    def cells(self, row: int, columns: Sequence[Column]) -> str:
        """Cells of one row as a message names them."""
        if self.line is None and not self.named:
            entries = [f"{self.name}[{row}, {column.number - 1}]" for column in columns[:6]]
            return f"{', '.join(entries)} (counted from 0)"
        listed = ", ".join(column.name or str(column.number) for column in columns[:6])
        more = f" and {len(columns) - 6} more" if len(columns) > 6 else ""
        return f"{self.place(row)}, column{'s' * (len(columns) > 1)} {listed}{more}"

    def find(self, wanted: str, option: str) -> Column:
        """The column of that name or of that number from 1; "name:2" and "number:2" are one of the two only.

        Raises:
            InputError: no such column, several of that name, or one by its name and another by its number.
        """
        kind, _, rest = wanted.partition(":")
        by_number = rest if kind == "number" and _is_whole(rest) else wanted
        numbered = [c for c in self.columns if _is_whole(by_number) and str(c.number) == by_number.lstrip("0")]
        if by_number is wanted:
            named = [c for c in self.columns if c.name and kind == "name" and c.name == printable(rest)]
            named = named or [c for c in self.columns if c.name and c.name == printable(wanted)]
        else:
            named = []
        if len(named) > 1:
            raise InputError(
                f"expected {option} to name one column of {self.name}, got {wanted!r}, the name of columns "
                f"{', '.join(str(column.number) for column in named)}; give its number: {option} "
                f"{' or '.join(map(self.option, named[:2]))}"
            )
        if named and numbered and named[0] is not numbered[0]:
            raise InputError(
                f"expected {option} to name one column of {self.name}, got {wanted!r}, the name of column "
                f"{named[0].number} and the number of another; write {option} name:{wanted} or {option} number:{wanted}"
            )
        if named or numbered:
            return (named or numbered)[0]
        numbers = f"its number, 1 to {max((column.number for column in self.columns), default=0)}"
        known = f"{self.names()}, or {numbers}" if self.named else numbers
        raise InputError(f"expected {option} to name a column of {self.name} ({known}), got {printable(wanted)!r}")

    def option(self, column: Column) -> str:
        """How an option names a column, in a way that `find` takes for no other, quoted where a shell wants that."""
        same_name = [other for other in self.columns if other.name == column.name]
        if column.name and len(same_name) == 1:
            return option_of(column.name, column.number)
        taken = any(other.name == str(column.number) for other in self.columns)
        return f"number:{column.number}" if taken else str(column.number)

    def names(self, columns: Sequence[Column] | None = None, most: int = 12) -> str:
        """The names of columns, shortened where there are many."""
        chosen = list(self.columns if columns is None else columns)
        listed = [column.label for column in chosen]
        return ", ".join(listed if len(listed) <= most else [*listed[: most - 3], "...", listed[-1]])

    def without(self, numbers: Iterable[int]) -> "Table":
        """The table less the columns of those numbers."""
        gone = set(numbers)
        return dataclasses.replace(self, columns=tuple(c for c in self.columns if c.number not in gone))

    def with_notes(self, *sentences: str) -> "Table":
        """The table with more that was guessed."""
        return dataclasses.replace(self, notes=(*self.notes, *sentences))


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def option_of(name: str, number: int) -> str:
    """How an option names a column that is called like no other, quoted where a shell wants that.

    >>> option_of("2", 1), option_of("a b", 1), option_of("", 3)
    ('name:2', "'a b'", '3')
    """
    if not name:
        return str(number)
    if _is_whole(name) or name == "none" or name.startswith(("-", "name:", "number:")):
        name = f"name:{name}"
    return name if all(c.isalnum() or c in "_-.:" for c in name) else shlex.quote(name)


def printable(text: str, most: int = 200) -> str:
    """The text without anything that a terminal acts on, and without bytes that are no text; long text is cut.

    >>> printable("a\\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    if text.isascii() and text.isprintable() and len(text) <= most:
        return text
    parts = []
    for character in text[: most + 1]:
        category = unicodedata.category(character)
        if category == "Cs" and 0xDC80 <= ord(character) <= 0xDCFF:  # a byte of a file name that is no UTF-8
            parts.append(f"\\x{ord(character) - 0xDC00:02x}")
        elif category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            parts.append(character.encode("unicode_escape", "backslashreplace").decode("ascii"))
        else:
            parts.append(character)
    return "".join(parts[:most]) + ("..." if len(text) > most else "")


__all__ = [
    "CLOCK",
    "DATE",
    "MISSING_RULES",
    "NUMBER",
    "TEXT",
    "TRUTH_NOTE",
    "Column",
    "Reading",
    "Table",
    "option_of",
    "printable",
]

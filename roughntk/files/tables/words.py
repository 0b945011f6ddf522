"""Counts and lists in the sentences on a table."""

from collections.abc import Sequence


def counted(number: int, what: str) -> str:
    """A number of things in words.

    >>> counted(1, "row"), counted(2, "class")
    ('1 row', '2 classes')
    """
    if number == 1:
        return f"1 {what}"
    return f"{number} {what}{'es' if what.endswith('s') else 's'}"


def joined(words: Sequence[str], most: int = 10) -> str:
    """The words, shortened where there are many.

    >>> joined("abcdef", most=4)
    'a, b, ..., f'
    """
    return ", ".join(words if len(words) <= most else [*words[: most - 2], "...", words[-1]])


__all__ = ["counted", "joined"]

"""Tables in Markdown that scripts measure: written between the markers of a page, and compared with it again."""

import math
import re
from collections.abc import Callable, Sequence

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def markdown(headings, rows) -> str:
    """A table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def replaced(text: str, name: str, table: str) -> str:
    """The page with the table of that name in place of the one that it has."""
    begin, end = f"<!-- {name}: measured -->", f"<!-- {name}: end -->"
    before, rest = text.split(begin)
    return f"{before}{begin}\n{table}\n{end}{rest.split(end)[1]}"


def table_of(text: str, name: str) -> str:
    """The table of that name as the page has it."""
    return text.split(f"<!-- {name}: measured -->\n")[1].split(f"\n<!-- {name}: end -->")[0]


def rows_of(table: str) -> list[tuple[str, ...]]:
    """The headings and the rows of a table in Markdown."""
    lines = [line for line in table.splitlines() if not line.startswith("| ---")]
    return [tuple(cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]) for line in lines]


def agree(page: str, now: str, tolerance: Callable[[float], float]) -> bool:
    """Whether two cells have the same words, and numbers no further apart than `tolerance` of their size."""
    if NUMBER.sub("#", page) != NUMBER.sub("#", now):
        return False
    pairs = [(float(a), float(b)) for a, b in zip(NUMBER.findall(page), NUMBER.findall(now), strict=True)]
    return all(abs(a - b) <= tolerance(max(abs(a), abs(b))) * (1 + 1e-9) for a, b in pairs)


def unit(places: int) -> Callable[[float], float]:
    """One unit of the last of so many decimals."""
    return lambda size: 10.0**-places


def significant(figures: int) -> Callable[[float], float]:
    """One unit of the last of so many significant figures. Whole numbers below 10^figures have to be the same."""
    return lambda size: 10.0 ** (math.floor(math.log10(size)) - figures + 1) if size > 0 else 0.0


def differences(page: Sequence[Sequence[str]], now: Sequence[Sequence[str]], tolerances) -> list[str]:
    """The rows of a table that are not what is measured now, and those that one side lacks."""
    if len(page) != len(now):
        return [f"the page has {len(page)} rows, now there are {len(now)}"]
    return [
        f"page: {' | '.join(old)}\nnow:  {' | '.join(new)}"
        for old, new, tolerance in zip(page, now, tolerances, strict=True)
        if len(old) != len(new) or not all(map(agree, old, new, tolerance))
    ]

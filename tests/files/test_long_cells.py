"""Cells beyond what the parser takes are refused by line and column; lines beyond it, of short cells, are read."""

from pathlib import Path

import numpy as np
import pytest

import roughntk as rn
from roughntk.files import tables
from roughntk.files.tables.layout import LONGEST_CELL

LONG = "4" * (LONGEST_CELL + 1)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"a,b\n1,2\n3,{LONG}\n", "line 3, column 2"),
        (f"a,{LONG}\n1,2\n3,4", "line 1, column 2"),
        (f"a;b;c\n1,5;{LONG};2\n", "line 2, column 2"),
        (f"1 2\n3 {LONG}", "line 2, column 2"),
        ("a,b\n1,2\n" + "1,2\n" * 300 + f"3,{LONG}\n", "line 303, column 2"),
    ],
)
def test_a_cell_beyond_the_limit_is_named(tmp_path, text, place):
    path = tmp_path / "long.csv"
    path.write_text(text)
    with pytest.raises(rn.InputError, match=f"at most 131,072 characters in long.csv, got 131,073 in {place}; shorten"):
        tables.read(path)


@pytest.mark.parametrize("first", ["1,2", "1,2\n" * 300])
def test_a_quoted_cell_beyond_the_limit_is_refused(tmp_path, first):
    path = tmp_path / "long.csv"
    path.write_text(f'a,b\n{first}\n3,"{LONG}"\n')
    with pytest.raises(rn.InputError, match="line (3|303)"):
        tables.read(path)


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_wide_table_is_read(tmp_path, quote, mark):
    """Its lines are longer than the limit, where another delimiter would leave one cell of each."""
    values = np.arange(3.0)[:, None] * 1000 + np.arange(20_000) + 0.25
    path: Path = tmp_path / "wide.csv"
    lines = [mark.join(f"{quote}column{i}{quote}" for i in range(values.shape[1]))]
    path.write_text("\n".join(lines + [mark.join(map(str, row)) for row in values.tolist()]))
    table = tables.read(path)
    np.testing.assert_array_equal(np.column_stack([column.values for column in table.columns]), values)


def test_a_long_comment_is_none_of_a_cell(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text(f"# {LONG}\na,b\n1,2\n3,5\n")
    assert tables.read(path).rows == 2

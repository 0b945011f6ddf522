"""Reading tables: how long the reader takes relative to pandas.read_csv alone, 100,000 rows and 20 columns.

python benchmarks/reading.py     writes benchmarks/results/reading.json
"""

import importlib.metadata
import io
import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from paired import paired_ratio

from roughntk.files import paths as path_files
from roughntk.files import tables

ROWS, COLUMNS, REPEATS = 100_000, 20, 5
RESULT = Path(__file__).parent / "results" / "reading.json"


def written(folder: Path) -> dict[str, Path]:
    """The same numbers in the forms that are compared."""
    table = pd.DataFrame(np.random.default_rng(0).standard_normal((ROWS, COLUMNS)))
    table.columns = [f"x{i}" for i in range(COLUMNS)]
    forms = {name: folder / f"{name}.csv" for name in ("plain", "named", "semicolons_and_decimal_commas")}
    table.to_csv(forms["plain"], index=False, header=False)
    table.to_csv(forms["named"], index=False)
    table.to_csv(forms["semicolons_and_decimal_commas"], index=False, sep=";", decimal=",")
    return forms


def by_pandas(path: Path) -> np.ndarray:
    """What pandas reads of it, told how."""
    how: dict = {"sep": ";", "decimal": ","} if path.stem.startswith("semicolons") else {}
    return pd.read_csv(path, header=None if path.stem == "plain" else 0, **how).to_numpy()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        forms = written(Path(folder))
        ratios = {}
        for name, path in forms.items():
            np.testing.assert_array_equal(path_files.read_path(path).values, by_pandas(path))
            ratios[name] = {
                "table_over_pandas": paired_ratio(
                    lambda path=path: tables.read(path), lambda path=path: by_pandas(path), REPEATS
                ).as_dict(),
                "checked_path_over_pandas": paired_ratio(
                    lambda path=path: path_files.read_path(path), lambda path=path: by_pandas(path), REPEATS
                ).as_dict(),
            }  # fmt: skip
        text = forms["plain"].read_text()
        ratios["plain"]["numpy_loadtxt_over_table"] = paired_ratio(
            lambda: np.loadtxt(io.StringIO(text), delimiter=","), lambda: tables.read(forms["plain"]), 3
        ).as_dict()
    found = {
        "what": "time ratios", "rows": ROWS, "columns": COLUMNS, "cores": os.cpu_count(),
        "versions": {name: importlib.metadata.version(name) for name in ("pandas", "numpy")},
        "ratios": ratios,
    }  # fmt: skip
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

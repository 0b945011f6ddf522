"""Write the tables of the explorer that depend on nobody's data: roughntk/explorer/tables/*.json.

Run from the repository root, in the environment of the package (some minutes, mostly for `depth`):

    python tools/generate_explorer_tables.py            # writes them
    python tools/generate_explorer_tables.py finite ito # writes these
"""

import sys
import time
from pathlib import Path

import roughntk.explorer.tables
from roughntk.explorer.tables.driver import driver_table
from roughntk.explorer.tables.families import depth_table
from roughntk.explorer.tables.finite import depth_law_table
from roughntk.explorer.tables.ito import network_table
from roughntk.explorer.tables.pure_area import rotation_table
from roughntk.explorer.tables.stored import as_text
from roughntk.explorer.tables.variation import path_table

TABLES = {
    "depth": depth_table,
    "driver": driver_table,
    "finite": depth_law_table,
    "ito": network_table,
    "pure_area": rotation_table,
    "variation": path_table,
}


def main() -> int:
    """Write the tables that are named on the command line, or all."""
    names = sys.argv[1:] or list(TABLES)
    unknown = sorted(set(names) - set(TABLES))
    if unknown:
        print(f"expected some of {', '.join(TABLES)}, got {', '.join(unknown)}", file=sys.stderr)
        return 2
    folder = Path(roughntk.explorer.tables.__file__).parent
    for name in names:
        begun = time.perf_counter()
        text = as_text(TABLES[name]())
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
        print(f"{name}: {len(text):,} bytes in {time.perf_counter() - begun:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How a table is to be read: the settings, as the command line and the functions that read have them."""

import dataclasses

from roughntk._settings import listed, setting

MISSING_RULES = ("error", "drop", "interpolate")
FILE_HELP = ".csv, .tsv, .txt, .json, .parquet, .npy, .npz, any of them as .gz, or - for standard input"


@dataclasses.dataclass(frozen=True)
class ReadingSettings:
    """What is known about a file, where its content does not say it or says it wrongly; None looks."""

    header: bool | None = setting(None, "Whether the first line holds names; if left out, it is looked at.")
    delimiter: str | None = setting(
        None, "What stands between cells: a character, tab or space; if left out, it is looked for."
    )
    decimal: str | None = setting(None, "The decimal mark, . or a comma; if left out, it is looked for.")
    drop: tuple[str, ...] = setting(
        (), "A column to leave out, name or number (name:2, number:2); repeatable.", metavar="COLUMN"
    )
    missing: str = setting(
        "error", f"Rows with missing cells: {listed(MISSING_RULES)} (paths only, linearly in time).",
        names=MISSING_RULES, strict=True,
    )  # fmt: skip
    encoding: str | None = setting(
        None,
        "Encoding of text and JSON: utf-8, cp1252, utf-16, shift_jis or another that Python knows; if left out UTF-8, "
        "or what other bytes look like.",
        metavar="NAME",
    )


__all__ = ["FILE_HELP", "MISSING_RULES", "ReadingSettings"]

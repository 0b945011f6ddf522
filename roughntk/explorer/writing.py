"""What the command checks before it writes a page."""

from pathlib import Path

from roughntk._checks import InputError
from roughntk.explorer.page import MARK
from roughntk.files import results


def check_page(out: str, data: str | None) -> Path:
    """The file to write: a new one, or an earlier page of the explorer.

    Raises:
        InputError: a name that does not end in .html, a folder that is not there, a file that is something else.
    """
    target = results.check_target(out, "--out", (".html", ".htm"), [data or ""])
    assert target is not None
    if target.is_file() and target.stat().st_size:
        with target.open("rb") as stream:
            begins = stream.read(4096)
        if MARK.encode() not in begins:
            raise InputError(
                f"expected --out to name a new file or an earlier page of the explorer, got {out}, which is something "
                f"else; choose another name"
            )
    return target


__all__ = ["check_page"]

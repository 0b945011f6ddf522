"""What the command checks before it writes a page."""

from pathlib import Path

from roughntk import _checks
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


def depth_of(text: str) -> float:
    """The depth that an option gives.

    Raises:
        InputError: no number.

    >>> depth_of("2.5"), depth_of("inf")
    (2.5, inf)
    """
    try:
        return _checks.number_of_text(text, "depth")
    except InputError:
        raise
    except ValueError:
        raise InputError(f"expected a depth, got {text!r}; write for instance 3, 2.5 or inf") from None


__all__ = ["check_page", "depth_of"]

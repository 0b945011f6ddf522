"""`python -m roughntk` and the console script: the command line, in a process that a signal can end at any time."""

import os
import sys

from roughntk import _hold_signals


def main() -> None:
    """Entry point of the console script."""
    if not hasattr(os, "fork"):
        _command_line()
        return
    _hold_signals()
    from roughntk import _process

    sys.exit(_process.supervised(_command_line))


def _command_line() -> None:
    from roughntk import cli

    cli.main()


if __name__ == "__main__":
    main()

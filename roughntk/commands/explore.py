"""`roughntk explore`: one interactive page of depth, drivers and rough paths, written to a file or served."""

import contextlib
from typing import Annotated

import typer

from roughntk._settings import values_of
from roughntk.commands.options import with_settings
from roughntk.commands.terminal.console import AsJson, Quiet, clear_errors, say, say_json
from roughntk.commands.terminal.progress import at_work
from roughntk.explorer.settings import PORT, ExplorerSettings
from roughntk.files.reading_settings import ReadingSettings
from roughntk.study.settings import FamilySettings

EXAMPLES = (
    "roughntk explore",
    "roughntk explore wine --standardise --points 6 --out wine.html",
    "roughntk explore points.csv --target price --serve",
)


@with_settings
def explore(
    choice: ExplorerSettings,
    out: Annotated[str, typer.Option(help="The page, .html; an earlier page there is replaced.")] = "explore.html",
    depth: Annotated[str, typer.Option(help="Depth to begin with: 2 to 10000, whole or real, or inf.")] = "3",
    *,
    network: FamilySettings,
    reading: ReadingSettings,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve the page on 127.0.0.1, open it, and go on until Ctrl-C.")
    ] = False,
    port: Annotated[
        int | None, typer.Option(help=f"Port of --serve, 1 to 65535, {PORT} if left out; 0 takes a free one.")
    ] = None,
    open_it: Annotated[
        bool, typer.Option("--open/--no-open", help="Whether --serve opens the page in a browser.")
    ] = True,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """An interactive page of depth, drivers and rough paths, on DATA or on points to drag; it needs no network."""
    with clear_errors("--points"), contextlib.ExitStack() as open_server:
        from roughntk._checks import InputError, number_of_text
        from roughntk.explorer import page, writing
        from roughntk.explorer.building import built
        from roughntk.explorer.serving import PageServer, open_browser
        from roughntk.files import results
        from roughntk.files.tables import Reading
        from roughntk.study.families import member

        if port is not None and not serve:
            raise InputError(f"expected --port with --serve only, got --port {port}; add --serve, or leave it out")
        target = writing.check_page(out, choice.data)
        server = open_server.enter_context(PageServer(b"", PORT if port is None else port)) if serve else None
        replaces = target.exists()
        with at_work("explorer", quiet):
            family = member(str(network.family), network.parameters)
            values = values_of(choice, ExplorerSettings)
            otherwise = f"expected a depth, got {depth!r}; write for instance 3, 2.5 or inf"
            first = number_of_text(depth, "depth", otherwise)
            made = built(**values, family=family, depth=first, reading=Reading.of(reading))
            content = page.html(made.contents).encode()
        results.write(target, content)
        record = {"page": str(target), "bytes": len(content), **made.record()}
        if server is not None:
            record["address"] = server.address
        if as_json:
            say_json(record)
        else:
            for line in () if quiet else made.points.notes:
                say(line)
            say(f"{target}" + (" (in the place of an earlier one)" if replaces else ""), head="Page:")
        if server is None:
            return
        server.content = content
        if not as_json:
            say(f"{server.address} (this machine only; Ctrl-C ends it)", head="Address:")
        if open_it and not open_browser(server.address) and not as_json:
            say(f"No browser could be started: open {server.address} in one, or the file {target}.")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


__all__ = ["EXAMPLES", "explore"]

"""One page on the loopback interface: to this machine only, by its own names only, one file and nothing else."""

import http.client
import http.server
import webbrowser
from typing import Any

from roughntk._checks import InputError
from roughntk.explorer.page import POLICY

HOST = "127.0.0.1"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",  # which no page can say itself
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class PageServer(http.server.ThreadingHTTPServer):
    """Serves one page at / to requests whose Host is a name of this machine with the server's port.

    Args:
        content: the page.
        port: to listen on; 0 takes a free one.

    Raises:
        InputError: the port is out of range, busy, or not allowed.
    """

    daemon_threads = True

    def __init__(self, content: bytes, port: int) -> None:
        if not 0 <= port <= 65535:
            raise InputError(f"expected --port from 0 to 65535, got {port}; --port 0 takes a free one")
        self.content = content
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            why = error.strerror or str(error)
            raise InputError(
                f"expected a free port, got --port {port}, which cannot be listened on ({why}); end what uses it, or "
                f"take --port 0, which finds a free one"
            ) from None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://{HOST}:{self.port}/"

    def is_own(self, host: str) -> bool:
        """Whether a Host header names this server; another name may belong to a page that leads a browser here."""
        names = (HOST, "localhost", "[::1]")
        own = {f"{name}:{self.port}" for name in names} | (set(names) if self.port == http.client.HTTP_PORT else set())
        return host.lower() in own  # browsers leave out the port of http

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that goes away is no event."""


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers one request."""

    server: PageServer
    timeout = 10.0
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or not self.server.is_own(hosts[0].strip()):
            self._send(403, b"This page is for this machine, by the address that was printed.\n", "text/plain", body)
        elif self.requestline.split()[1:2] != ["/"]:  # `path` has lost a doubled slash
            self._send(404, b"There is one page here, at /.\n", "text/plain", body)
        else:
            self._send(200, self.server.content, "text/html", body)

    def _send(self, code: int, content: bytes, kind: str, body: bool) -> None:
        self.send_response_only(code)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        if code != 200:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if body:
            self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses: other methods, and what is no request."""
        del message, explain
        self.close_connection = True
        code = 405 if code == 501 else code
        if self.request_version == "HTTP/0.9":
            return
        self.send_response_only(code)
        if code == 405:
            self.send_header("Allow", "GET, HEAD")
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing is logged."""


def open_browser(address: str) -> bool:
    """Whether a browser with windows could be started; one that would take over the terminal is none."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    in_terminal = isinstance(browser, webbrowser.GenericBrowser) and not isinstance(
        browser, webbrowser.BackgroundBrowser
    )
    if in_terminal:
        return False
    try:
        return bool(browser.open(address))
    except (webbrowser.Error, OSError):
        return False


__all__ = ["HOST", "PageServer", "open_browser"]

"""The explorer's server: this machine only, by its own names only, one page and nothing else."""

import http.client
import socket
import threading
import webbrowser

import pytest

from roughntk._checks import InputError
from roughntk.explorer import serving
from roughntk.explorer.serving import PageServer, open_browser

PAGE = b"<!doctype html><title>one page</title>"


@pytest.fixture
def server():
    with PageServer(PAGE, 0) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.shutdown()
        thread.join()


def ask(server, method="GET", path="/", host=None):
    """Status, headers and body of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    for name in [f"127.0.0.1:{server.port}"] if host is None else host:
        connection.putheader("Host", name)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def test_the_page_is_served_at_the_root(server):
    status, headers, body = ask(server)
    assert (status, body) == (200, PAGE)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "Server" not in headers


def test_a_head_request_has_the_headers_and_no_body(server):
    status, headers, body = ask(server, "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(PAGE)))


@pytest.mark.parametrize(
    "path", ["/index.html", "//", "/?", "/../etc/passwd", "/explore.html", "http://127.0.0.1/", "*"]
)
def test_every_other_path_is_not_found(server, path):
    status, headers, body = ask(server, path=path)
    assert status == 404
    assert PAGE not in body and "Server" not in headers


@pytest.mark.parametrize(
    "host", [["example.org"], ["127.0.0.1"], ["127.0.0.1:1"], [], ["evil.test:{port}"], ["localhost:{port}.evil.test"]]
)
def test_requests_by_other_names_are_refused(server, host):
    status, _, body = ask(server, host=[name.format(port=server.port) for name in host])
    assert status == 403
    assert PAGE not in body


def test_two_host_names_are_refused(server):
    own = f"127.0.0.1:{server.port}"
    assert ask(server, host=[own, "example.org"])[0] == 403


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "[::1]", "127.0.0.1"])
def test_the_names_of_this_machine_are_taken(server, name):
    assert ask(server, host=[f"{name}:{server.port}"])[0] == 200


def test_a_name_may_lack_the_port_of_http(server, monkeypatch):
    """Browsers leave it out."""
    monkeypatch.setattr(http.client, "HTTP_PORT", server.port)
    assert [ask(server, host=[name])[0] for name in ("127.0.0.1", "[::1]", "example.org")] == [200, 200, 403]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "NONSENSE"])
def test_other_methods_are_not_allowed(server, method):
    status, headers, body = ask(server, method)
    assert (status, headers["Allow"], body) == (405, "GET, HEAD", b"")
    assert "Server" not in headers


def test_what_is_no_request_is_answered_without_a_page(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        answer = connection.recv(1000)
    assert PAGE not in answer and b"Python" not in answer


def test_it_listens_on_loopback_only(server):
    assert server.server_address[0] == "127.0.0.1" == serving.HOST
    assert server.address == f"http://127.0.0.1:{server.port}/"


def test_a_busy_port_is_named_with_a_remedy(server):
    with pytest.raises(InputError, match=rf"got --port {server.port}.*--port 0, which finds a free one"):
        PageServer(PAGE, server.port)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none_is_refused(port):
    with pytest.raises(InputError, match=f"from 0 to 65535, got {port}"):
        PageServer(PAGE, port)


class Windowed(webbrowser.BackgroundBrowser):
    """A browser with windows that opens nothing."""

    opened = True

    def open(self, url, new=0, autoraise=True):
        return self.opened


def no_browser():
    raise webbrowser.Error("could not locate runnable browser")


@pytest.mark.parametrize(
    ("get", "opened"),
    [
        (no_browser, False),
        (lambda: webbrowser.GenericBrowser("lynx"), False),  # it would take over the terminal
        (lambda: Windowed("a browser"), True),
    ],
)
def test_a_browser_is_opened_where_there_is_one_with_windows(monkeypatch, get, opened):
    monkeypatch.setattr(webbrowser, "get", get)
    assert open_browser("http://127.0.0.1:1/") is opened

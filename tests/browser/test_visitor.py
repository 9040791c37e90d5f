"""The app, attacked as a visitor would: by requests and messages of no browser, and from other sites."""

import contextlib
import json
import secrets
import socket
import struct
import sys
import time
import uuid
from pathlib import Path

import pytest
from helpers import browser
from helpers.visitor import V1, App, message, v1

pytest.importorskip("voila")
THEIRS = "Origin: http://evil.org"
PAGE, FOREIGN = ("Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"), "Sec-Fetch-Site: cross-site"
EVIL = "import pathlib; pathlib.Path({!r}).write_text('was here')"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """A running app of two pages at most, in a copy of the repository."""
    root = browser.checkout(tmp_path_factory.mktemp("app"))
    kernels, port, token = tmp_path_factory.mktemp("kernels"), browser.free_port(), secrets.token_hex(16)
    flags = ["--no-browser", f"--port={port}", "--port_retries=0", f"--token={token}", "--kernels=2"]
    flags += ["--host=lab.example.org", f"--Voila.connection_dir_root={kernels}", "--ip=127.0.0.1"]
    command = [sys.executable, "-m", "unitdrop", "app", *flags]
    with browser.serving(command, root, port, "voila/static/voila.js", root):
        served = App(port, token, kernels)
        served.root = root
        yield served


@pytest.fixture(scope="module")
def kernel(app):
    """The kernel of a page."""
    return app.page()


def routes(app, kernel):
    """One address of every kind, with the token."""
    paths = (
        "",
        "login",
        "voila/static/voila.js",
        f"api/kernels/{kernel}",
        "voila/files/app.ipynb",
        "nowhere",
    )
    return [f"/{path}?token={app.token}" for path in paths]


# -- who asks


@pytest.mark.parametrize(
    "host",
    ["evil.org", "evil.org:{port}", "localhost.evil.org:{port}", "127.0.0.1:{port}@evil.org", "0.0.0.0"],
)
def test_a_name_that_was_pointed_here_by_others_gets_nothing(app, kernel, host):
    host = f"Host: {host.format(port=app.port)}"
    before = app.running()
    for route in routes(app, kernel):
        for method in ("GET", "POST", "HEAD", "OPTIONS", "DELETE"):
            assert app.ask(route, host, method=method).status in (400, 403)
    with pytest.raises(PermissionError, match="40"), app.channels(kernel, host):
        pass
    assert app.running() == before


def test_this_machine_and_the_name_that_was_given_are_answered_on_any_port(app):
    for host in (
        "localhost",
        "localhost:1",
        "[::1]:8866",
        "127.0.0.1",
        "lab.example.org",
        "LAB.example.org:443",
    ):
        assert app.ask("/voila/static/voila.js", f"Host: {host}").status == 200


def test_two_names_at_once_and_none_get_nothing(app):
    with app.connect() as wire:
        wire.sendall(b"GET /voila/static/voila.js HTTP/1.1\r\nHost: localhost\r\nHost: evil.org\r\n\r\n")
        assert b" 200 " not in wire.recv(100)
    for version in ("1.0", "1.1"):
        with app.connect() as wire:
            wire.sendall(f"GET / HTTP/{version}\r\nConnection: close\r\n\r\n".encode())
            answer = wire.recv(100)
            assert b" 200 " not in answer and b" 302 " not in answer


def test_a_websocket_is_opened_by_a_page_of_this_server_only(app, kernel):
    own = f"Origin: http://127.0.0.1:{app.port}"
    for headers in ((THEIRS,), ("Origin: null",), (f"Origin: http://localhost:{app.port}",), (own, FOREIGN)):
        with pytest.raises(PermissionError, match="403"), app.channels(kernel, *headers):
            pass
    with app.channels(kernel, own) as channels:
        assert channels.widgets()


# -- the token


@pytest.mark.parametrize(
    "token", ["", "?token=", "?token=wrong", "?token=None", "?token={token}x", "?x={token}"]
)
def test_without_the_token_nothing_starts_and_nothing_is_told(app, kernel, token):
    before, query = app.running(), token.format(token=app.token)
    answer = app.ask(f"/{query}")
    assert answer.status == 302 and "/login" in answer.head
    for method in ("GET", "DELETE"):
        assert app.ask(f"/api/kernels/{kernel}{query}", method=method).status in (403, 404)
    assert app.ask(f"/voila/api/shutdown/{kernel}{query}", method="POST").status in (403, 404)
    with pytest.raises(PermissionError, match="403"), app.channels(kernel, token=False):
        pass
    assert app.running() == before
    body = b"password=wrong&new_password=mine"
    kind = "Content-Type: application/x-www-form-urlencoded"
    assert app.ask("/login", kind, method="POST", body=body).status in (401, 403)


# -- other sites


@pytest.mark.parametrize(
    "headers",
    [
        (FOREIGN, "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"),
        ("Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"),
        (FOREIGN, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"),
        (FOREIGN, "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"),
        ("Referer: http://evil.org/page", "Sec-Fetch-Dest: image"),
        ("Sec-Purpose: prefetch", *PAGE),
        (THEIRS,),
    ],
)
def test_what_another_site_embeds_starts_no_kernel_even_if_it_knows_the_token(app, kernel, headers):
    before = app.running()
    assert app.ask(f"/?token={app.token}", *headers).status == 403
    assert app.running() == before


def test_a_link_on_another_site_asks_first(app, kernel):
    before, cookie = app.running(), cookie_of(app)
    for headers in ((FOREIGN, *PAGE), ("Referer: http://evil.org/",)):
        answer = app.ask("/", cookie, *headers)
        assert answer.status == 403 and "Open the panel" in answer.text
    assert app.running() == before


def cookie_of(app):
    """The cookie of who has come with the token, which other sites cannot make a browser send."""
    answer = app.ask(f"/login?token={app.token}")
    found = [line for line in answer.head.splitlines() if line.lower().startswith("set-cookie: username")]
    (line,) = found
    assert "samesite=strict" in line.lower() and "httponly" in line.lower()
    return f"Cookie: {line.partition(': ')[2].partition(';')[0]}"


# -- files


def test_no_file_of_the_server_is_served(app):
    (app.root / "notebooks" / "secret.png").write_bytes(b"secret")
    names = ("secret.png", "app.ipynb", "images/camp-1.png", "../unitdrop/errors.py", "%2e%2e/README.md")
    for name in names:
        assert app.ask(f"/voila/files/{name}?token={app.token}").status in (400, 403, 404)
        assert app.ask(f"/{name}?token={app.token}").status in (400, 403, 404)
    for way in (
        "voila/static",
        "voila/templates/lab/static",
        "voila/templates/..",
        "voila/labextensions",
        "static",
    ):
        for up in ("../" * 12, "..%2f" * 12, "%2e%2e/" * 12, "/"):
            answer = app.ask(f"/{way}/{up}etc/passwd?token={app.token}")
            assert answer.status >= 400 and b"root:" not in answer.body


@pytest.mark.parametrize("query", ["template=../../../etc", "template=reveal", "theme=../x", "theme=<b>"])
def test_a_visitor_chooses_no_template_and_no_theme_but_light_and_dark(app, query):
    assert app.ask(f"/?token={app.token}&theme=evil&{query}").status == 400


# -- messages to a kernel


@pytest.mark.parametrize("channel", ["shell", "control"])
def test_a_visitor_runs_no_code(app, kernel, tmp_path, channel):
    target = tmp_path / "evil"
    told = message(
        "execute_request", {"code": EVIL.format(str(target)), "silent": False, "store_history": False}
    )
    with app.channels(kernel) as channels:
        channels.send(v1(told, channel=channel.encode()))
        assert channels.code() == 1008
    with app.channels(kernel) as channels:
        assert channels.widgets()  # the kernel goes on, and has done nothing else by now
    assert not target.exists()


@pytest.mark.parametrize("protocol", ["", "v2.kernel.websocket.jupyter.org", f"x{V1}"])
def test_the_legacy_protocol_in_which_one_message_stops_the_server_is_not_spoken(app, kernel, protocol):
    with pytest.raises(PermissionError, match="400"), app.channels(kernel, protocol=protocol):
        pass


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("!i", 2**31 - 1) + bytes(100),
        (2**62).to_bytes(8, "little") + bytes(100),
        (900_000).to_bytes(8, "little") + bytes(8_000_000),
        b"",
        b"x",
        bytes(9_000_000),
    ],
)
def test_a_message_that_claims_a_huge_number_of_parts_keeps_nobody_waiting(app, kernel, content):
    with app.channels(kernel) as channels:
        with contextlib.suppress(ConnectionError):
            channels.send(content)
        assert app.ask("/voila/static/voila.js").status == 200  # within the patience, which a hang is not
        assert channels.code() in (1008, 1009, None)


def test_a_request_with_a_large_body_is_not_taken(app):
    body = b"password=" + bytes(2_000_000)
    with contextlib.suppress(ConnectionError):
        assert app.ask("/login", method="POST", body=body).status >= 400
    assert app.ask("/voila/static/voila.js").status == 200


def test_a_page_has_a_few_connections_and_no_more(app, kernel):
    with contextlib.ExitStack() as opened:
        for _ in range(4):
            opened.enter_context(app.channels(kernel))
        with pytest.raises(PermissionError, match="503"):
            opened.enter_context(app.channels(kernel))
    deadline = time.monotonic() + 30
    while True:
        try:
            with app.channels(kernel) as channels:
                assert channels.widgets()
            break
        except PermissionError:
            assert time.monotonic() < deadline


# -- widgets


def of_class(widgets, name):
    return [each for each, state in widgets.items() if name in state.get("_dom_classes", ())]


def test_there_is_no_folder_box_no_path_of_the_server_and_nothing_to_download(app, kernel):
    with app.channels(kernel) as channels:
        widgets = channels.widgets()
        (drawers,) = of_class(widgets, "ud-more")
        channels.set(drawers, selected_index=1)  # the Python and the settings are written when somebody looks
        time.sleep(2)
        widgets = channels.widgets()
    assert of_class(widgets, "ud-frame") and not of_class(widgets, "ud-folder")
    (code,) = of_class(widgets, "ud-code")
    assert "load_model" in widgets[code]["value"]
    told = json.dumps(widgets)
    assert str(app.root) not in told and "/tmp" not in told and "Folder" not in told
    (model,) = of_class(widgets, "ud-model")
    assert widgets[model]["_options_labels"] == ["scenes"]  # of the catalogue, what is on this machine


def said(channels, name):
    """What a part of the panel says, after all that was sent has been heard."""
    widgets = channels.widgets()
    (widget,) = of_class(widgets, name)
    return widgets[widget]["value"]


def test_no_widget_reads_a_file_whatever_it_is_set_to(app, kernel, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes((app.root / "notebooks" / "images" / "camp-1.png").read_bytes())
    with app.channels(kernel) as channels:
        widgets = channels.widgets()
        before = said(channels, "ud-notes")
        for widget, state in widgets.items():
            if isinstance(state.get("value"), str) and "ud-frame" not in state.get("_dom_classes", ()):
                channels.set(widget, value=str(secret))
                channels.set(widget, value=str(tmp_path))
            if state.get("_model_name") not in ("LayoutModel", "HTMLModel", "ImageModel"):
                for value in (str(secret), [str(secret)], {"name": str(secret)}, 10**12, -1, None, True):
                    channels.set(widget, value=value, index=value, selected_index=value, label=value)
                channels.custom(
                    widget, {"event": "click", "kind": "file", "name": str(secret), "path": str(secret)}
                )
                channels.custom(widget, {"kind": str(secret), "words": str(secret), "what": str(secret)})
        time.sleep(2)
        (settings,) = of_class(widgets, "ud-settings")
        channels.set(
            settings, value=json.dumps({"image": str(secret), "target": 0, "model": f"{secret}.py:f"})
        )
        time.sleep(2)
        options = json.dumps([state.get("_options_labels") for state in channels.widgets().values()])
        assert "secret.png" not in options
        (notes,) = of_class(widgets, "ud-notes")
        channels.set(notes, value=before)


def test_a_picture_is_given_to_the_browser_and_nothing_is_written_here(app, kernel):
    before = sorted(app.root.rglob("*"))
    with app.channels(kernel) as channels:
        (button,) = of_class(channels.widgets(), "ud-save-png")
        channels.custom(button, {"event": "click"})
        while True:
            found = channels.hear()
            assert isinstance(found, dict)
            content = found["content"].get("data", {}).get("content", {})
            if found["header"]["msg_type"] == "comm_msg" and content.get("kind") == "download":
                break
    (picture,) = found["buffers"]
    assert picture.startswith(b"\x89PNG") and content["name"].endswith(".png")
    after = [path for path in sorted(app.root.rglob("*")) if "__pycache__" not in str(path)]
    assert after == [path for path in before if "__pycache__" not in str(path)]


def test_a_visitor_makes_no_widget(app, kernel):
    with app.channels(kernel) as channels:
        state = {
            "_model_module": "@jupyter-widgets/controls",
            "_model_name": "TextModel",
            "value": "x" * 1000,
        }
        opened = {"comm_id": uuid.uuid4().hex, "target_name": "jupyter.widget", "data": {"state": state}}
        channels.say("comm_open", opened)
        assert channels.code() == 1008


# -- how many


def test_when_all_places_are_taken_a_page_says_so_and_one_that_is_left_makes_room(app, kernel):
    with app.channels(kernel) as first:
        assert first.widgets()
        other = app.page()
        with app.channels(other) as second:
            assert second.widgets()
            answer = app.ask(f"/?token={app.token}")
            assert answer.status == 503 and app.running() == 2
            assert "2 panels at most" in answer.text and "Retry-After" in answer.head
        third = None
        deadline = time.monotonic() + 60
        while third is None and time.monotonic() < deadline:
            answer = app.ask(f"/?token={app.token}")
            third = answer.status == 200 or None
        assert third and app.running() == 2
        assert first.widgets()  # who is there stays


def test_a_reader_who_goes_before_the_page_is_there_makes_room_too(app, kernel):
    with app.channels(kernel) as first:
        assert first.widgets()
        for _ in range(4):
            with app.connect() as wire:
                wire.sendall(f"GET /?token={app.token} HTTP/1.1\r\n{app.host}\r\n\r\n".encode())
                wire.recv(1)
                wire.shutdown(socket.SHUT_RDWR)
            time.sleep(0.5)
        deadline = time.monotonic() + 60
        while app.ask(f"/?token={app.token}").status != 200:
            assert time.monotonic() < deadline
        assert first.widgets() and app.running() <= 2


# -- one who sends without end, and one who takes nothing; they come last, as they need kernels of their own


def server_memory(app):
    """The resident memory of the server, MB."""
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            if f"--port={app.port}".encode() in (status.parent / "cmdline").read_bytes().split(b"\0"):
                lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
                return int(lines["VmRSS"].split()[0]) / 1024
    pytest.skip("the system does not tell")


def page_of_ones_own(app):
    """The kernel of a page, when those that were there have gone."""
    deadline = time.monotonic() + 150
    while True:
        with contextlib.suppress(AssertionError):
            return app.page()
        assert time.monotonic() < deadline
        time.sleep(1)


def slider(widgets):
    """The slider by which units are dropped."""
    (found,) = [
        each
        for each, state in widgets.items()
        if state.get("_model_name") == "IntSliderModel" and state["max"] == 256
    ]
    return found


def test_a_page_that_sends_more_than_its_kernel_does_has_to_wait_and_nobody_else(app):
    kernel = page_of_ones_own(app)
    before = server_memory(app)
    with app.channels(kernel) as channels:
        widgets = channels.widgets()
        (notes,) = of_class(widgets, "ud-notes")
        channels.wire.settimeout(5)
        with pytest.raises((TimeoutError, ConnectionError)):
            for number in range(3_000):
                channels.set(slider(widgets), value=number * 7 % 255)
            for _ in range(3_000):
                channels.set(notes, value="x" * 95_000)
        assert app.ask("/voila/static/voila.js").status == 200
        assert server_memory(app) < before + 200


def test_a_page_that_takes_nothing_of_what_it_asks_for_is_cut_off(app):
    kernel = page_of_ones_own(app)
    before = server_memory(app)
    with app.channels(kernel) as channels:
        assert channels.widgets()
        deadline = time.monotonic() + 120
        with pytest.raises(ConnectionError):
            while time.monotonic() < deadline:
                comm = uuid.uuid4().hex
                channels.say(
                    "comm_open",
                    {"comm_id": comm, "target_name": "jupyter.widget.control", "data": {}},
                    metadata={"version": "1.0.0"},
                )
                channels.say("comm_msg", {"comm_id": comm, "data": {"method": "request_states"}})
                time.sleep(0.05)
    assert server_memory(app) < before + 300

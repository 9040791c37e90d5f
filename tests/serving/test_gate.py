"""Who asks, by the headers of a request."""

import pytest

from unitdrop.serving.gate import LOOPBACK, host_name, page_of, why_no_page, why_refused

HERE = "127.0.0.1:8866"


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8866", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8866"]
)
def test_the_names_of_this_machine_are_answered_on_any_port(host):
    assert why_refused("GET", {"Host": host}, LOOPBACK) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.org",
        "evil.org:8866",
        "localhost.evil.org",
        "127.0.0.1.evil.org",
        "localhost@evil.org",
        "evil.org@localhost",
        "localhost:8866@evil.org",
        "127.0.0.2",
        "0.0.0.0",
        "127.1",
        "0x7f.1",
        "[::]",
        "[::ffff:127.0.0.1]",
        "::1",
        "localhost.",
        "localhost:",
        "localhost:123456",
        "localhost,evil.org",
        "localhost evil.org",
        "local\u0068ost\u200b",
        "127.0.0.\u0661",
        "xn--localhost",
    ],
)
def test_any_other_name_is_refused_with_the_remedy(host):
    assert "--host" in why_refused("GET", {"Host": host}, LOOPBACK)


def test_a_request_without_a_host_is_refused():
    assert why_refused("GET", {}, LOOPBACK)


def test_a_name_that_was_given_is_answered_too():
    names = {*LOOPBACK, "lab.example.org"}
    assert why_refused("GET", {"Host": "Lab.Example.org:8866"}, names) is None
    assert why_refused("GET", {"Host": "example.org"}, names)


@pytest.mark.parametrize("name", ["Origin", "Sec-Websocket-Origin"])
@pytest.mark.parametrize(
    ("origin", "good"),
    [
        ("http://127.0.0.1:8866", True),
        ("https://127.0.0.1:8866", True),  # a proxy may have taken the s away
        ("http://127.0.0.1", False),
        ("http://127.0.0.1:8888", False),
        ("http://localhost:8866", False),
        ("http://evil.org", False),
        ("null", False),
        ("", False),
        ("http://127.0.0.1:8866@evil.org", False),
        ("http://[", False),
    ],
)
def test_only_a_page_of_this_server_may_open_a_websocket_or_send_a_form(name, origin, good):
    assert (why_refused("GET", {"Host": HERE, name: origin}, LOOPBACK) is None) == good


@pytest.mark.parametrize(
    ("headers", "good"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "script"}, True),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, False),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "websocket"}, False),
        ({"Sec-Fetch-Site": "something new", "Sec-Fetch-Dest": "empty"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Referer": "http://evil.org/"}, True),
        ({"Referer": "http://evil.org/", "Sec-Fetch-Dest": "image"}, False),
        ({"Referer": "http://evil.org/", "Upgrade": "websocket"}, False),
    ],
)
def test_a_page_of_another_site_may_only_lead_here(headers, good):
    assert (why_refused("GET", {"Host": HERE, **headers}, LOOPBACK) is None) == good


def test_a_page_of_another_site_sends_no_form():
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert why_refused("POST", {"Host": HERE, **headers}, LOOPBACK)
    assert why_refused("POST", {"Host": HERE, "Referer": "http://evil.org/"}, LOOPBACK)


@pytest.mark.parametrize(
    ("headers", "token", "good"),
    [
        ({}, False, True),
        ({"Sec-Fetch-Dest": "image"}, True, False),
        ({"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "same-origin"}, True, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}, False, False),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}, True, True),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Dest": "document"}, False, True),
        ({"Referer": "http://evil.org/"}, False, False),
        ({"Referer": f"http://{HERE}/login"}, False, True),
        ({"Sec-Purpose": "prefetch;prerender"}, True, False),
        ({"Purpose": "prefetch"}, True, False),
        ({"X-Moz": "prefetch"}, True, False),
    ],
)
def test_a_panel_is_opened_by_a_person(headers, token, good):
    assert (why_no_page({"Host": HERE, **headers}, token) is None) == good


def test_what_a_host_is_called_and_what_a_page_says_holds_no_markup():
    assert host_name("<b>") is None
    assert "&lt;b&gt;" in page_of("<b>", "<b>") and "<b>" not in page_of("<b>", "<b>")

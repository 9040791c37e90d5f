"""Who asks: the names that this server answers to, and the pages that requests may come from.

A browser can be made to ask from anywhere: a foreign page may have its own name point to 127.0.0.1 (DNS
rebinding), or hold an image or a form with this server's address. What tells these apart are the headers
``Host``, ``Origin``, ``Referer`` and ``Sec-Fetch-...``, which no page can set. They are looked at before
any handler, whether it is to send a file, start a kernel or open a websocket.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import Router
from tornado.web import Application, RequestHandler

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]{2,45}\]|[a-z0-9_-]+(\.[a-z0-9_-]+)*)(:[0-9]{1,5})?")


def host_name(host: str) -> str | None:
    """Return the name in a ``Host`` header, in lower case and without the port; None if it is no such header.

    >>> host_name("LocalHost:8866"), host_name("[::1]:80"), host_name("localhost@evil.org")
    ('localhost', '[::1]', None)
    """
    found = _HOST.fullmatch(host.strip().lower())
    return found and found["name"]


def why_refused(method: str, headers: Mapping[str, str], names: Collection[str]) -> str | None:
    """Return why a request is not answered, whatever it asks for; None if nothing is against it.

    Parameters
    ----------
    method : str
        Such as "GET".
    headers : mapping
        Those of the request; several of one name joined by commas, as tornado gives them.
    names : collection of str
        The hosts that this server answers to, in lower case and without a port.
    """
    host = headers.get("Host", "")
    if host_name(host) not in names:
        return (
            f"It does not answer to the name {host[:80]!r}. If that is how others reach it, start it "
            "with --host and this name."
        )
    for name in ("Origin", "Sec-Websocket-Origin"):
        if name in headers and not _same_host(headers[name], host):
            return "The request comes from a page of another site."
    if _foreign(headers) and not _is_navigation(method, headers):
        return "The request comes from a page of another site."
    return None


def why_no_page(headers: Mapping[str, str], token_given: bool) -> str | None:
    """Return why no page is made, and no kernel started, for a request that may come in; None if it is.

    A page is opened by a person: by its address, by a link of its own site, or by a link with the token.
    """
    ahead = headers.get("Sec-Purpose") or headers.get("Purpose") or headers.get("X-Moz")
    if ahead or headers.get("Sec-Fetch-Dest", "document") != "document":
        return "A panel is opened as a page of its own."
    if _foreign(headers) and not token_given:
        return "A link on another site led here."
    return None


def _same_host(address: str, host: str) -> bool:
    try:
        return urlsplit(address).netloc.lower() == host.strip().lower()
    except ValueError:
        return False


def _foreign(headers: Mapping[str, str]) -> bool:
    """Return whether a page of another site asks; old browsers and plain http tell it by the Referer only."""
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    referer = headers.get("Referer")
    return bool(referer) and not _same_host(referer, headers.get("Host", ""))


def _is_navigation(method: str, headers: Mapping[str, str]) -> bool:
    """Return whether a person seems to have followed a link."""
    told = [headers[name] for name in ("Sec-Fetch-Mode", "Sec-Fetch-Dest") if name in headers]
    some = "Sec-Fetch-Site" in headers or bool(told)  # a browser that tells one of them tells all
    return method == "GET" and "Upgrade" not in headers and told == (["navigate", "document"] if some else [])


class Gate(Router):
    """Stands in front of an application, and lets in what `why_refused` has nothing against.

    Parameters
    ----------
    app : Application
    names : collection of str
        See `why_refused`.
    """

    def __init__(self, app: Application, names: Collection[str]) -> None:
        self._app, self._names = app, frozenset(names)

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
        """Return what answers a request."""
        why = why_refused(request.method or "", request.headers, self._names)
        if why is None:
            return self._app.find_handler(request, **kwargs)
        return self._app.get_handler_delegate(request, Refusal, {"why": why})


class Refusal(RequestHandler):
    """Answers any request with 403 and the reason, and reads nothing of it."""

    def initialize(self, why: str) -> None:
        """Take the reason."""
        self._why = why

    def prepare(self) -> None:
        """Answer; no method is called after this."""
        self.set_status(403)
        self.finish(page_of("This is not for you", self._why))


def page_of(title: str, words: str, link: str = "") -> str:
    """Return a small page of HTML that says something; ``link``: words of a link to the panel, if any."""
    more = f'<p><a href="./">{html.escape(link)}</a></p>' if link else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>unitdrop</title>'
        "<style>:root { color-scheme: light dark } body { font: 16px/1.5 system-ui, sans-serif; "
        "max-width: 34em; margin: 15vh auto; padding: 0 1em }</style>"
        f"<h1>{html.escape(title)}</h1><p>{html.escape(words)}</p>{more}</html>\n"
    )

"""`App`: Voilà as `python -m unitdrop app` runs it."""

from __future__ import annotations

import html
import os
import sys
import tempfile
import threading
import webbrowser
from pathlib import Path
from typing import Any

from jupyter_server import DEFAULT_STATIC_FILES_PATH
from tornado.httpserver import HTTPServer
from traitlets import Dict, List, TraitError, Unicode, default
from voila.app import Voila
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler
from voila.voila_identity_provider import VoilaIdentityProvider

from unitdrop.errors import UsageError
from unitdrop.serving.gate import LOOPBACK, Gate, host_name
from unitdrop.serving.handlers import Channels, Page
from unitdrop.serving.kernels import BoundedKernels
from unitdrop.serving.messages import MOST_BYTES

MOST_MEMORY = 4 << 30  # bytes of a page's kernel, and of the server itself, where the system can bound them
MOST_BODY = 100_000  # bytes of a request; a page sends what is large through its websocket
_HEADERS = {"Referrer-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"}

# Settings of Voilà that would open again what is closed here, from the command line or a file of settings.
_SETTLED = {
    "Voila": (
        "auto_token",
        "authorizer_class",
        "identity_provider_class",
        "kernel_websocket_connection_class",
        "notebook_path",
        "prelaunch_hook",
        "tornado_settings",
    ),
    "VoilaConfiguration": (
        "allow_template_override",
        "allow_theme_override",
        "extension_language_mapping",
        "file_allowlist",
        "file_whitelist",
        "multi_kernel_manager_class",
        "preheat_kernel",
        "prelaunch_hook",
        "progressive_rendering",
    ),
}
_SETTLED["App"] = _SETTLED["Voila"]
_SETTLED_WHOLE = ("IdentityProvider", "VoilaIdentityProvider", "Visitors")


class Visitors(VoilaIdentityProvider):
    """Lets in who has the token; a cookie remembers it that no other site makes a browser send."""

    @property
    def auth_enabled(self) -> bool:
        """Always: an empty token lets nobody in."""
        return True

    @default("cookie_options")
    def _of_this_site_only(self) -> dict[str, str]:
        return {"samesite": "Strict"}


class App(Voila):
    """Voilà with a token, a gate, and bounds; see the modules of this room."""

    aliases = Dict(
        {
            **Voila.aliases,
            "host": "App.hosts",
            "kernels": "BoundedKernels.most",
            "ip": "Voila.ip",
        }
    )
    hosts = List(Unicode(), config=True, help="Names, beside those of this machine, that it answers to.")

    def initialize(self, argv: list[str] | None = None) -> None:
        """Read the command line and the files of settings; then settle what is not to be chosen.

        Raises
        ------
        UsageError
            They would undo something of it.
        """
        super().initialize(argv)
        self._refuse_what_is_settled()
        self.hosts = [_checked_host(host) for host in self.hosts]
        self.auto_token, self.identity_provider_class = True, Visitors
        chosen = self.voila_configuration
        chosen.file_allowlist = []
        chosen.allow_template_override = "NO"
        chosen.multi_kernel_manager_class = BoundedKernels

    def _refuse_what_is_settled(self) -> None:
        if self.token == "":
            raise UsageError("token: an empty one would let everybody in; leave it out for a random one")
        for section, names in _SETTLED.items():
            for name in names:
                if name in self.config.get(section, {}):
                    raise UsageError(f"{section}.{name} cannot be set for the app; leave it out")
        for section in _SETTLED_WHOLE:
            if self.config.get(section):
                raise UsageError(f"{section} cannot be set for the app; leave it out")

    def init_settings(self) -> dict[str, Any]:
        """Return the settings of the application."""
        settled = {
            "websocket_max_message_size": MOST_BYTES,
            "headers": _HEADERS,
            "allow_unauthenticated_access": False,
            "static_path": DEFAULT_STATIC_FILES_PATH,  # Jupyter's pages of errors cannot be made without
        }
        return {**super().init_settings(), **settled}  # pyright: ignore[reportGeneralTypeIssues]

    def init_handlers(self) -> list:
        """Return Voilà's handlers, those of the page and of its websocket in this room's kind."""
        ours = {TornadoVoilaHandler: Page, VoilaKernelWebsocketHandler: Channels}
        routes: Any = super().init_handlers()
        return [(route, ours.get(kind, kind), *more) for route, kind, *more in routes]

    def listen(self) -> None:
        """Serve through the gate until the end."""
        gate = Gate(self.app, {*LOOPBACK, *self.hosts})

        def listen(port: int, address: str) -> None:
            HTTPServer(gate, max_body_size=MOST_BODY).listen(port, address)  # pyright: ignore

        self.app.listen = listen  # pyright: ignore[reportAttributeAccessIssue]
        super().listen()

    @property
    def display_url(self) -> str:
        """The address that is printed, with the token."""
        return self.custom_display_url or self._address(self.hosts[0] if self.hosts else "")

    def _address(self, name: str) -> str:
        """Return the address of the panel under a name, or under that which it listens to; with the token."""
        name = name or (self.ip if host_name(self.ip) in LOOPBACK else "127.0.0.1")
        return f"http://{name}:{self.port}{self.base_url}?token={self.identity_provider.token}"

    def launch_browser(self) -> None:
        """Open the panel in a browser, by way of a file: a command line, with the token, is seen by all."""
        try:
            browser = webbrowser.get(self.browser or None)
        except webbrowser.Error as error:
            self.log.warning("No web browser found: %s.", error)
            return
        address = html.escape(self._address(""))
        with tempfile.NamedTemporaryFile("w", suffix=".html", prefix="unitdrop-", delete=False) as file:
            file.write(
                f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={address}">'
                f'<p><a href="{address}">Open the panel</a></p>'
            )
        self._way = Path(file.name)
        work = (self._way.as_uri(), self.webbrowser_open_new)
        threading.Thread(target=browser.open, args=work, daemon=True).start()

    _way: Path | None = None

    def stop(self) -> None:
        """End the kernels, and leave nothing behind."""
        if self._way is not None:
            self._way.unlink(missing_ok=True)
        super().stop()


def _checked_host(host: str) -> str:
    name = host_name(host)
    if name is None or name != host.strip().lower():
        raise UsageError(
            f"--host {host!r:.80}: expected a name or an address without a port, such as lab.example.org"
        )
    return name


def bound_memory(most: int = MOST_MEMORY) -> None:
    """Let this process, and each that it starts, have so many bytes at most, where that can be bound."""
    try:
        import resource
    except ImportError:  # Windows
        return
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if hard == resource.RLIM_INFINITY or hard > most:
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def main(argv: list[str] | None = None) -> None:
    """Serve the notebook of the app until the end; a mistake ends with status 2 and one line on stderr."""
    bound_memory()
    try:
        App.launch_instance(argv)
    except (ValueError, TraitError) as error:
        if os.environ.get("UNITDROP_TRACEBACK"):
            raise
        print(f"unitdrop: {error}", file=sys.stderr)
        sys.exit(2)

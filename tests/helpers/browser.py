"""A real JupyterLab, Notebook 7 or Voilà in a real Chromium, for the tests and for the pictures in Media.

Everything listens on the loopback interface only, keeps its settings in a temporary folder, reaches nothing
beyond this machine, and is gone when the `with` block ends, on every path.
"""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE = 180  # seconds until the server answers, a kernel is up, a cell has run


def missing() -> str:
    """Say what is not here for a browser test, or nothing; where the test is required, run it regardless."""
    if os.environ.get("UNITDROP_BROWSER") == "required":
        return ""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed (pip install -r requirements-test.txt)"
    return "" if CHROMIUM else "no Chromium found (Debian: apt-get install chromium)"


def _settings(config: Path, theme: str) -> dict[str, str]:
    """Write JupyterLab's settings into a folder and return the environment that makes it read them."""
    page = config / "labconfig" / "page_config.json"
    settings = config / "settings" / "@jupyterlab"
    files = {
        page: {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}},
        settings / "apputils-extension" / "themes.jupyterlab-settings": {"theme": theme},
        # Cells out of sight are drawn too, so that their prompts can be read.
        settings / "notebook-extension" / "tracker.jupyterlab-settings": {"windowingMode": "none"},
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    from jupyter_core.paths import jupyter_data_dir

    # The user's own data folder is only searched (extensions may be there), never written to.
    search = [os.environ.get("JUPYTER_PATH"), jupyter_data_dir()]
    return {
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_RUNTIME_DIR": str(config / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(config / "settings"),
        "IPYTHONDIR": str(config / "ipython"),
        "JUPYTERLAB_WORKSPACES_DIR": str(config / "workspaces"),
        "JUPYTER_DATA_DIR": str(config / "data"),
        "JUPYTER_PATH": os.pathsep.join(filter(None, search)),
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def jupyterlab(folder: Path, theme: str = "JupyterLab Light", package: Path = REPO) -> Iterator[str]:
    """Serve a folder; gives the address of its JupyterLab, with ``{}`` where the notebook's name goes."""
    port, token = free_port(), secrets.token_hex(16)
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--LabApp.expose_app_in_browser=True",
        *_flags(folder, port, token),
    ]
    with serving(command, folder, port, f"api/status?token={token}", package, theme):
        yield f"http://127.0.0.1:{port}/lab/tree/{{}}?reset&token={token}"


@contextmanager
def notebook7(folder: Path, theme: str = "JupyterLab Light", package: Path = REPO) -> Iterator[str]:
    """Serve a folder; gives the address of its Notebook 7, with ``{}`` where the notebook's name goes."""
    port, token = free_port(), secrets.token_hex(16)
    command = [
        sys.executable,
        "-m",
        "notebook",
        "--JupyterNotebookApp.expose_app_in_browser=True",
        *_flags(folder, port, token),
    ]
    with serving(command, folder, port, f"api/status?token={token}", package, theme):
        yield f"http://127.0.0.1:{port}/notebooks/{{}}?token={token}"


@contextmanager
def voila(package: Path, *flags: str) -> Iterator[str]:
    """Serve the panel alone with the command that a user would type in a checkout; gives its address, with {}
    where more of a query goes.
    """
    port, token = free_port(), secrets.token_hex(16)
    command = [
        sys.executable,
        "-m",
        "unitdrop",
        "app",
        "--no-browser",
        f"--port={port}",
        f"--token={token}",
        "--ip=127.0.0.1",
        "--Voila.port_retries=0",
        *flags,
    ]
    with serving(command, package, port, "voila/static/voila.js", package):
        yield f"http://127.0.0.1:{port}/?token={token}{{}}"


def checkout(folder: Path) -> Path:
    """Copy the package and its notebooks, so that what a panel saves is not left in the repository."""
    for part in ("unitdrop", "notebooks"):
        ignored = shutil.ignore_patterns("*.gif", ".*", "__pycache__")
        shutil.copytree(REPO / part, folder / part, ignore=ignored)
    return folder


def _flags(folder: Path, port: int, token: str) -> list[str]:
    """Return what JupyterLab and Notebook 7 are told."""
    flags = [
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}",
    ]
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*flags, "--allow-root"] if root else flags


@contextmanager
def serving(
    command: list[str], folder: Path, port: int, probe: str, package: Path, theme: str = "JupyterLab Light"
) -> Iterator[None]:
    """Run a server in a folder, with settings of its own, from when it answers until the block ends."""
    with tempfile.TemporaryDirectory(prefix="unitdrop-server-", ignore_cleanup_errors=True) as config:
        paths = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
        environment = os.environ | _settings(Path(config), theme) | _offline(Path(config))
        log = Path(config) / "server.log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                command, stdout=output, stderr=output, cwd=folder, env=environment | {"PYTHONPATH": paths}
            )
        try:
            _await_server(server, f"http://127.0.0.1:{port}/{probe}", log)
            yield
        finally:
            _stop(server)


def _offline(folder: Path) -> dict[str, str]:
    """Return an environment that downloads nothing: a proxy where nobody listens, caches that are empty."""
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    proxies |= {"NO_PROXY": "127.0.0.1,localhost"}
    caches = {name: str(folder / name.lower()) for name in ("TORCH_HOME", "UNITDROP_CACHE")}
    return proxies | {name.lower(): value for name, value in proxies.items()} | caches


def _await_server(server: subprocess.Popen, address: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")


def _stop(server: subprocess.Popen) -> None:
    server.terminate()  # JupyterLab then ends its kernels itself
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(20)


@contextmanager
def page(width: int = 1280, height: int = 900, scale: float = 1) -> Iterator:
    """Open a fresh page in Chromium, as a Playwright `Page`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            view = {"width": width, "height": height}
            context = chromium.new_context(viewport=view, device_scale_factor=scale)
            context.set_default_timeout(PATIENCE * 1000)
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            yield context.new_page()
        finally:
            chromium.close()


CONNECTED = """() => {
  const session = window.jupyterapp?.shell.currentWidget?.sessionContext;
  return session?.isReady && session.session?.kernel?.connectionStatus === 'connected' }"""
CODE_CELL = ".jp-Notebook .jp-CodeCell"
PROMPTS = f"[...document.querySelectorAll('{CODE_CELL} .jp-InputPrompt')].map(e => e.textContent)"


def open_and_run(page, address: str) -> None:
    """Open a notebook and run all its cells, until every one has a number."""
    page.goto(address)
    page.wait_for_selector(CODE_CELL)
    page.wait_for_function(CONNECTED)
    _command(page, "filebrowser:hide-main")
    deadline = time.monotonic() + PATIENCE
    while any(prompt.strip() in ("", "[ ]:") for prompt in page.evaluate(PROMPTS)):
        # What is run before JupyterLab has wired its kernel up is dropped, or ends in a question: ask again.
        if time.monotonic() > deadline:
            raise RuntimeError(f"the cells did not run: {page.evaluate(PROMPTS)}")
        _command(page, "notebook:run-all-cells")
        page.wait_for_timeout(2000)
        for button in page.locator(".jp-Dialog .jp-mod-accept").all():
            button.click()
    page.wait_for_function(f"{PROMPTS}.every(prompt => /\\d/.test(prompt))")


def _command(page, name: str) -> None:
    """Start one of JupyterLab's commands; it is not waited for, as it may wait for a dialogue itself."""
    page.evaluate(f"void jupyterapp.commands.execute('{name}').catch(() => 0)")


def errors(page) -> list[str]:
    """Return what the notebook shows as errors: tracebacks, stderr, and the panel's own line."""
    kinds = [f".jp-RenderedText[data-mime-type*='{kind}']" for kind in ("error", "stderr")]
    found = page.locator(", ".join(kinds))
    said = [text for text in page.locator(".ud-error").all_inner_texts() if text.strip()]
    return found.all_inner_texts() + said


def frame_source(page) -> str:
    """Return the address of the picture that the panel shows now; it changes with every picture."""
    return page.locator(".ud-frame").first.get_attribute("src")


def await_new_frame(page, before: str) -> str:
    """Wait until the panel shows another picture than before, fully loaded, and return its address."""
    page.wait_for_function(
        "before => { const e = document.querySelector('.ud-frame');"
        " return e && e.src !== before && e.complete && e.naturalWidth > 0 }",
        arg=before,
    )
    return frame_source(page)


# What stands out of the panel or of anything around it that hides the rest, and words that do not fit.
CUT_OFF = """panel => {
  const hides = e => e === panel || getComputedStyle(e).overflowX !== 'visible'
  const found = [], parts = 'button, select, input, textarea, img, .widget-label, .widget-readout, .noUi-base'
  for (const part of panel.querySelectorAll(parts)) {
    const box = part.getBoundingClientRect(), words = part.matches('button, .widget-label')
    if (!box.width || !part.checkVisibility({visibilityProperty: true})) continue
    const around = [document.documentElement]
    for (let e = part.parentElement; e; e = e.parentElement) if (hides(e)) around.push(e)
    const out = around.map(e => e.getBoundingClientRect())
      .some(({left, right}) => box.left < left - 1 || box.right > right + 1)
    const full = words && part.scrollWidth > part.clientWidth + 1
    if (out || full) found.push(`${out ? 'out' : 'full'}: ${part.outerHTML.slice(0, 300)}`)
  }
  return found }"""


def cut_off(page) -> list[str]:
    """Return the parts of the panel that are not seen whole."""
    return page.locator(".ud-panel").first.evaluate(CUT_OFF)


def run_again(page) -> None:
    """Run the cell of the panel once more."""
    page.evaluate(
        "() => { const notebook = jupyterapp.shell.currentWidget.content;"
        " notebook.activeCellIndex = notebook.widgets.findIndex(c => c.model.id === 'panel') }"
    )
    _command(page, "notebook:run-cell")


def change_theme(page, name: str) -> None:
    """Let JupyterLab or Notebook 7 be light or dark."""
    page.evaluate(f"jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {name}'}})")

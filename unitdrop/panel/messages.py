"""Words for people: what an error says, and text as harmless HTML in a colour of the theme."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

_QUOTED = re.compile(r"""(['"])(?!https?:)[^'"\n]*[/\\]([^'"/\\\n]*)\1""")
_FOLDERS = re.compile(r"(?<![\w:/.])(~|[A-Za-z]:|\.{1,3})?[/\\]([^\s/\\]+[/\\])*(?=[^\s/\\])")
MOST_NOTICES, LONGEST_NOTICE = 8, 600  # so many are shown, with so many letters


def words_of(error: BaseException) -> str:
    """Return what an error says, with its kind where the words alone would not be understood.

    >>> words_of(ValueError("k: too large")), words_of(KeyError("k"))
    ('k: too large', "KeyError: 'k'")
    """
    return str(error) if isinstance(error, ValueError) and str(error) else f"{type(error).__name__}: {error}"


def without_folders(text: str) -> str:
    """Return text in which of each path of this machine only the last part is left: for those who visit it.

    >>> without_folders("checkpoint '/home/me/my nets/net.pth': damaged, see /tmp/x/log")
    "checkpoint 'net.pth': damaged, see log"
    >>> without_folders("p = 1/2 from https://example.org/nets/net.pth")
    'p = 1/2 from https://example.org/nets/net.pth'
    """
    return _FOLDERS.sub("", _QUOTED.sub(r"\1\2\1", text))


def html_line(text: str, variable: str = "--jp-ui-font-color1", fallback: str = "inherit") -> str:
    """Return text, whatever it holds, as harmless HTML in a colour of the theme; empty if it is empty.

    >>> html_line("<b>", "--jp-x", "red")
    '<span style="color: var(--jp-x, red)">&lt;b&gt;</span>'
    """
    escaped = html.escape(text).replace("\n", "<br>")
    return f'<span style="color: var({variable}, {fallback})">{escaped}</span>' if text else ""


def html_alarm(words: str) -> str:
    """Return what went wrong as harmless HTML in the theme's colour of errors."""
    return html_line(words, "--jp-error-color1", "#c62828")


def html_notices(texts: Sequence[str]) -> str:
    """Return what was noticed as harmless HTML, a line each; not many, and not in the colour of errors.

    >>> html_notices([]), "Note: cast" in html_notices(["cast", "cut"])
    ('', True)
    """
    lines = [f"Note: {' '.join(text[:LONGEST_NOTICE].split())}" for text in texts[:MOST_NOTICES]]
    if len(texts) > MOST_NOTICES:
        lines.append(f"and {len(texts) - MOST_NOTICES} more")
    return html_line("\n".join(lines), "--jp-ui-font-color2", "#6b7280")

"""A file of weights somewhere else, and the folders where such files are kept: `Remote`, `cache_folder`."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from unitdrop.checks import expanded
from unitdrop.errors import DownloadError

_ZIP_END = 22  # bytes of the record that ends a zip without a comment


@dataclass(frozen=True)
class Remote:
    """A file of weights: where it comes from, where it is kept, and how it is known to be right.

    Parameters
    ----------
    url
        Its http or https address.
    folder
        Where it is kept; created when needed.
    file
        Its name there.
    sha256
        Its 64 hex digits, or the first 8 or more of them (torchvision publishes 8, in the names of its
        files), or None where nobody has published any.
    size
        Its exact length in bytes; None where nobody has published it.
    most
        Never read more bytes than this.
    least
        A whole file has at least so many bytes, where the exact length has not been published.

    Raises
    ------
    DownloadError
        `file` is no plain name, or `sha256` is not made of 8 to 64 hex digits.

    Examples
    --------
    >>> remote = Remote("https://example.org/net-0123abcd.pth", Path("cache"), "net.pth", "0123ABCD", None)
    >>> remote.path.as_posix(), remote.sha256, remote.cached
    ('cache/net.pth', '0123abcd', False)
    """

    url: str
    folder: Path
    file: str
    sha256: str | None
    size: int | None
    most: int = 4 << 30
    least: int = 1

    def __post_init__(self) -> None:
        """Check what would lead out of the folder or make a check useless."""
        if self.file in ("", ".", "..") or set(self.file) & set("/\\:\0"):
            raise DownloadError(f"file: expected a plain name, got {self.file!r}; put the folder into folder")
        if self.sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{8,64}", self.sha256):
            raise DownloadError(
                f"sha256 of {self.file}: expected 64 hex digits, or the first 8 or more of them, got "
                f"{self.sha256!r}; pass None where nobody has published any"
            )
        object.__setattr__(self, "folder", Path(self.folder))
        object.__setattr__(self, "sha256", self.sha256 and self.sha256.lower())

    @property
    def path(self) -> Path:
        """Where the file is kept."""
        return self.folder / self.file

    @property
    def record(self) -> Path:
        """Where the sha256 of what came first is written down, if nobody has published one."""
        return self.folder / f"{self.file}.sha256"

    @property
    def there(self) -> bool:
        """Whether there is a file, with its published length if there is one."""
        found = _size(self.path)
        return 0 < found <= self.most and self.size in (None, found)

    @property
    def cached(self) -> bool:
        """Whether the file is there and seems whole: a quick look, no proof that it is right."""
        return self.there and _size(self.path) >= self.least and _ends(self.path)

    @property
    def incomplete(self) -> bool:
        """Whether there is something in the file's place that is not the whole of it."""
        return not self.cached and os.path.lexists(self.path)


def cache_folder() -> Path:
    """Return `$UNITDROP_CACHE` if that is set, else the folder where this platform keeps caches.

    Examples
    --------
    >>> cache_folder().is_absolute() or "UNITDROP_CACHE" in os.environ
    True
    """
    return Path(expanded(os.environ.get("UNITDROP_CACHE") or platformdirs.user_cache_dir("unitdrop")))


def hub_folder() -> Path:
    """Return the folder where `torch.hub` keeps checkpoints, without loading torch.

    `$TORCH_HOME/hub/checkpoints`, else `$XDG_CACHE_HOME/torch/hub/checkpoints`, else below `~/.cache`.

    Examples
    --------
    >>> hub_folder().parts[-2:]
    ('hub', 'checkpoints')
    """
    caches = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    return Path(expanded(os.environ.get("TORCH_HOME", caches / "torch"))) / "hub" / "checkpoints"


def _size(path: Path) -> int:
    """Return the bytes of a file; 0 for what is none, or cannot be looked at."""
    try:
        status = path.stat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _ends(path: Path) -> bool:
    """Return whether a file that begins as a zip, as those of torch do, ends as one; True for any other."""
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PK\3\4":
                return True
            file.seek(-_ZIP_END, os.SEEK_END)
            return file.read(4) == b"PK\5\6"
    except OSError:
        return False


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file as 64 hex digits.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "net.pth")
    ...     _ = path.write_bytes(b"weights")
    ...     file_sha256(path)[:8]
    '9a129038'
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

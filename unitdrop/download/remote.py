"""A file of weights somewhere else, and the folders where such files are kept: `Remote`, `cache_folder`."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from unitdrop.errors import DownloadError


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
    def cached(self) -> bool:
        """Whether the file is there, with its published length: a quick look, no proof that it is right."""
        found = self.path.stat().st_size if self.path.is_file() else 0
        return found > 0 and self.size in (None, found)


def cache_folder() -> Path:
    """Return `$UNITDROP_CACHE` if that is set, else the folder where this platform keeps caches.

    Examples
    --------
    >>> cache_folder().is_absolute() or "UNITDROP_CACHE" in os.environ
    True
    """
    return _expanded(os.environ.get("UNITDROP_CACHE") or platformdirs.user_cache_dir("unitdrop"))


def hub_folder() -> Path:
    """Return the folder where `torch.hub` keeps checkpoints, without loading torch.

    `$TORCH_HOME/hub/checkpoints`, else `$XDG_CACHE_HOME/torch/hub/checkpoints`, else below `~/.cache`.

    Examples
    --------
    >>> hub_folder().parts[-2:]
    ('hub', 'checkpoints')
    """
    caches = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    return _expanded(os.environ.get("TORCH_HOME", caches / "torch")) / "hub" / "checkpoints"


def _expanded(path: str | Path) -> Path:
    """Return a path with the home folder in the place of `~`, or as it is if there is no home folder."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (Path.expanduser raises if there is none)


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

"""The command line: `python -m unitdrop --help`."""

from unitdrop.cli.commands import main

__all__ = ["main"]

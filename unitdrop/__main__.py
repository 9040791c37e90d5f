"""Lets `python -m unitdrop` run the command line."""

import sys

from unitdrop.cli import main

if __name__ == "__main__":
    sys.exit(main())

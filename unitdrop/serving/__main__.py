"""Serve the notebook of the app."""

from unitdrop.serving.app import main

if __name__ == "__main__":
    main()

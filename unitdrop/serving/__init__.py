"""The server of the app: Voilà, with a gate in front that looks at who asks, and bounds on what it may take.

Run as ``python -m unitdrop.serving NOTEBOOK``, which `python -m unitdrop app` does.
"""

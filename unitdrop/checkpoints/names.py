"""What the names in a pickle are of: `is_harmful`, `is_usual`. None of them is ever looked up."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Nothing of these has a place in a file of weights: they run commands, or reach files and other machines.
_HARMFUL = _words(
    """
    _io.FileIO _io.open _pickle _posixsubprocess asyncio bdb cProfile code.InteractiveConsole
    code.InteractiveInterpreter code.interact codeop commands.getoutput commands.getstatusoutput ctypes
    distutils ensurepip ftplib http.client httplib imp.load_source importlib io.FileIO io.open marshal
    nt os pdb pickle pip pkgutil popen2 posix profile.Profile profile.run pty pydoc requests runpy
    setuptools shutil smtplib socket ssl subprocess sys telnetlib timeit.timeit torch.hub torch.jit
    torch.load torch.utils.cpp_extension trace.Trace urllib.request urllib2 venv webbrowser zipimport
    """
)
_HARMFUL_BUILTINS = _words(
    """
    eval exec execfile compile open __import__ input raw_input breakpoint globals locals vars setattr
    delattr apply file reload exit quit help
    """
)
# Of these so much lies beside weights that it is not worth a word.
_USUAL = _words(
    """
    UserDict UserList _codecs argparse array builtins collections copy_reg copyreg dataclasses datetime
    decimal enum exceptions fractions functools itertools lightning lightning_fabric logging numpy
    omegaconf operator pathlib pytorch_lightning pytz random re time timm torch types typing uuid
    zoneinfo
    """
)


def _dotted(name: str) -> list[str]:
    """Return a name's parts; the builtins of Python 2 go by the name of today's."""
    parts = name.replace(" ", ".").split(".")
    return ["builtins", *parts[1:]] if parts[0] == "__builtin__" else parts


def is_harmful(name: str) -> bool:
    """Return whether a name is of what harmful files ask for, and no file of weights.

    Examples
    --------
    >>> is_harmful("os system"), is_harmful("__builtin__ eval"), is_harmful("argparse Namespace")
    (True, True, False)
    """
    parts = _dotted(name)
    return (parts[0] == "builtins" and bool({*parts[1:]} & _HARMFUL_BUILTINS)) or any(
        ".".join(parts[:count]) in _HARMFUL for count in (1, 2, 3)
    )


def is_usual(name: str) -> bool:
    """Return whether a name is of what often lies beside weights."""
    return _dotted(name)[0] in _USUAL

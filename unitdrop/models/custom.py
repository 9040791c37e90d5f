"""Networks of the user's own: ``FILE.py:NAME``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from torch import nn

from unitdrop.errors import ModelError
from unitdrop.models.model import Model, wrap


def is_python_file(name: str) -> bool:
    """Return whether a model's name is one of a Python file, as ``nets.py:small``.

    Examples
    --------
    >>> is_python_file("nets.py:small"), is_python_file("resnet50")
    (True, False)
    """
    return bool(re.search(r"\.py(:|$)", name, re.IGNORECASE))


def load_custom(name: str, labels: Sequence[str] | None = None, size: int | None = None) -> Model:
    """Return the network that ``FILE.py:NAME`` names, or that the function there returns, as a `Model`.

    The labels and the size of the input, if given, come before its own. The file is run, as ``python
    FILE.py`` would run it: it must be one that you trust. It can import what lies beside it.

    Raises
    ------
    ModelError
        There is no such file or name, the file or the call fails, or returns something else.
    """
    file, _, attribute = name.rpartition(":")
    path = Path(file)
    if not file.endswith(".py") or not attribute.isidentifier():
        raise ModelError(f"model {name!r}: expected FILE.py:NAME, such as nets.py:small")
    if not path.is_file():
        raise ModelError(f"model {name!r}: there is no file {file}; check the path")
    with _beside_on_path(path):
        made = getattr(_imported(path), attribute, None)
        if callable(made) and not isinstance(made, (nn.Module, Model)):
            try:
                made = made()
            except ModelError as error:
                raise ModelError(f"model {name!r}: {error}") from error
            except (Exception, SystemExit) as error:
                raise ModelError(f"model {name!r}: {attribute}() failed: {_in_one_line(error)}") from error
    if isinstance(made, Model):
        made = made if size is None else made.resized(size)
        return made if labels is None else made.labelled(labels)
    if not isinstance(made, nn.Module):
        found = "nothing of that name" if made is None else f"a {type(made).__name__}"
        raise ModelError(
            f"model {name!r}: {found} instead of a network; NAME must be an nn.Module or a Model, or a "
            "function that returns one"
        )
    return wrap(made, name=attribute, labels=labels, size=size)


@contextmanager
def _beside_on_path(path: Path) -> Iterator[None]:
    """Let what lies beside a file be imported inside the ``with``."""
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _imported(path: Path) -> ModuleType:
    """Return the module that running a file makes; another one of its name stays what it was."""
    spec = spec_from_file_location(path.stem, path.resolve())
    assert spec is not None and spec.loader is not None, "its name ends in .py"
    module, known = module_from_spec(spec), sys.modules.get(path.stem)
    sys.modules[path.stem] = module  # dataclasses and pickles look for their module there
    try:
        spec.loader.exec_module(module)
    except ModelError as error:
        raise ModelError(f"model: {path}: {error}") from error
    except (Exception, SystemExit) as error:
        raise ModelError(f"model: {path} cannot be run: {_in_one_line(error)}") from error
    finally:
        if known is not None:
            sys.modules[path.stem] = known
    return module


def _in_one_line(error: BaseException) -> str:
    """Return the kind and the first words of an error."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"

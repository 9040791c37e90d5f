"""The layout of a zip that is read here agrees with Python's own reader on an honest file."""

import io
import zipfile

from helpers.checkpoints import (
    saved,
    with_optimizer,
)

from unitdrop.checkpoints.zips import read_entries


def test_python_sees_the_same_zip_as_this_module_does():
    """The layout that is read here agrees with Python's own reader on an honest file."""
    content = saved(with_optimizer())
    entries = read_entries(io.BytesIO(content), len(content), 1_000)
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        for info in file.infolist():
            entry = entries[info.filename.partition("/")[2].lower()]
            assert content[entry.start : entry.start + entry.size] == file.read(info)
        assert len(entries) == len(file.infolist())

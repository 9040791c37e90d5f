"""A reader of files that are given as bytes."""

import pytest
from helpers.checkpoints import LIKE

from unitdrop.checkpoints import read_checkpoint


@pytest.fixture
def read(tmp_path):
    """Read what a file of these bytes holds."""

    def read(content, like=LIKE, **options):
        path = tmp_path / "file"
        path.write_bytes(content)
        return read_checkpoint(path, like, **options)

    return read

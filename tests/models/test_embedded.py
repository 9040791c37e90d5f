"""The entry of the network that comes with unitdrop."""

from helpers.networks import entry

from unitdrop.models import load_model


def test_the_embedded_entry_tells_the_truth():
    model, line = load_model("scenes"), entry("scenes")
    assert (line.name, line.units, line.classes) == (model.name, model.units, len(model.labels))
    assert line.cached and line.size > 1_000_000 and line.licence == "MIT" and line.remote is None
    assert repr(model) == "Model('scenes', units=256, classes=20)"

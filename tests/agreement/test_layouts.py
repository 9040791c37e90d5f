"""A network of any layout becomes a `Model` that agrees with a hooked pass, or is refused in one sentence."""

from collections import Counter

import numpy as np
import pytest
import torch
from helpers import architectures
from helpers.architectures import Built, Layout, logits_without
from helpers.toys import has_hooks
from hypothesis import given, settings
from hypothesis import strategies as st

from unitdrop.models import ModelError, wrap
from unitdrop.sweep import Sweep

PICTURE = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
COUNTS = Counter()

layouts = st.builds(
    Layout,
    seed=st.integers(0, 99),
    channels=st.sampled_from((3, 3, 1)),
    units=st.integers(2, 9),
    classes=st.integers(1, 5),
    bias=st.booleans(),
    norm=st.sampled_from(list(architectures.NORMS)),
    activation=st.sampled_from(list(architectures.ACTIVATIONS)),
    pool=st.sampled_from(list(architectures.POOLS)),
    head=st.sampled_from(list(architectures.HEADS)),
    kind=st.sampled_from(list(architectures.KINDS)),
    cast=st.sampled_from(architectures.CASTS),
    shell=st.sampled_from(list(architectures.SHELLS)),
    training=st.booleans(),
)


def softmax(logits):
    """The probabilities of logits (C,), of one logit those of (0, z)."""
    return (torch.cat([logits.new_zeros(1), logits]) if len(logits) == 1 else logits).softmax(0).numpy()


def agreed(layout, model, built, drops):
    """Whether a model gives, for units dropped, the probabilities of a real pass without them."""
    sweep = Sweep(model(PICTURE), rank="contribution")
    tolerance = 0.05 if layout.cast.startswith("autocast") else 1e-5
    for top in drops:
        dropped = sweep.dropped(top % (layout.units + 1), 0).tolist()
        real = softmax(logits_without(built, model.prepare(PICTURE), dropped))
        np.testing.assert_allclose(
            sweep.probabilities(top % (layout.units + 1), 0), real, atol=tolerance, err_msg=str(layout)
        )


def tried(layout, drops):
    """Wrap a network of a layout, compare it, and count what became of it."""
    built = Built(layout)
    modes = [part.training for part in built.modules()]
    before = {name: tensor.clone() for name, tensor in built.state_dict().items()}
    random = torch.random.get_rng_state()
    labels = ("no", "yes") if layout.classes == 1 else None
    try:
        model = wrap(
            architectures.SHELLS[layout.shell](built), size=32, mean=0.5, std=0.25, labels=labels, name="any"
        )
        agreed(layout, model, built, drops)
        COUNTS["agreed"] += 1
    except ModelError as error:
        assert layout.is_coarse and len(str(error)) < 450, (layout, str(error))
        assert "float16" in str(error) and "pass module.float()" in str(error), (layout, str(error))
        COUNTS["refused"] += 1
    assert modes == [part.training for part in built.modules()] and not has_hooks(built.body)
    assert all(torch.equal(tensor, before[name]) for name, tensor in built.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), random)


@pytest.mark.filterwarnings("ignore::unitdrop.notices.Notice")
@settings(max_examples=60)
@given(layouts, st.lists(st.integers(0, 9), min_size=1, max_size=3))
def test_a_network_of_any_layout_agrees_with_a_hooked_pass_or_is_refused(layout, drops):
    tried(layout, drops)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::unitdrop.notices.Notice")
@settings(max_examples=1500)
@given(layouts, st.lists(st.integers(0, 9), min_size=1, max_size=3))
def test_thousands_of_layouts_agree_or_are_refused(layout, drops):
    tried(layout, drops)


@pytest.mark.slow
def test_how_many_layouts_were_tried_is_printed():
    print(f"\nlayouts: {COUNTS['agreed']} agreed, {COUNTS['refused']} refused for half precision, 0 wrong")
    assert COUNTS["agreed"] > COUNTS["refused"] > 100

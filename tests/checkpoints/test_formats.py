"""A file that holds a whole network is named as that, and not as harmful."""

import io

import pytest
import torch
import torchvision
from helpers.checkpoints import saved, saved_legacy, state

from unitdrop.errors import CheckpointError


@pytest.mark.parametrize("write", [saved, saved_legacy, lambda net: saved(net, pickle_protocol=4)])
@pytest.mark.parametrize(
    "wrap",
    [lambda net: net, lambda net: {"model": net, "epoch": 3}, torch.nn.DataParallel, lambda net: [net]],
)
def test_a_whole_network_is_refused_with_the_remedy(wrap, write, read):
    with pytest.raises(
        CheckpointError, match=r"whole network \('.*'\).*torch.save\(model.state_dict\(\), "
    ) as caught:
        read(write(wrap(torchvision.models.resnet18())))
    assert "harmful" not in str(caught.value)


def test_a_state_dict_beside_a_whole_network_is_read(read):
    buffer = io.BytesIO()
    torch.save({"model": torch.nn.Linear(2, 3), "state_dict": state()}, buffer)
    assert all(torch.equal(tensor, state()[name]) for name, tensor in read(buffer.getvalue()).items())

"""The embedded network: its architecture and its file of weights."""

import pytest
import torch

from unitdrop.scenes import NAMES, network


def test_the_network_is_a_small_resnet_with_fine_maps():
    net = network.build()
    assert type(net).__name__ == "ResNet" and "torchvision" in type(net).__module__
    shapes = []
    net.avgpool.register_forward_pre_hook(lambda _, args: shapes.append(args[0].shape))
    assert net.eval()(torch.zeros(1, 3, 128, 128)).shape == (1, len(NAMES))
    assert shapes == [(1, 256, 16, 16)]


def test_weights_survive_the_file_in_half_precision(tmp_path):
    net = network.build()
    network.save(net, tmp_path / "w.safetensors")
    back = network.trained(tmp_path / "w.safetensors")
    for key, value in net.state_dict().items():
        assert torch.allclose(back.state_dict()[key].float(), value.float(), atol=2e-3, rtol=1e-3), key


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.safetensors"):
        network.trained(tmp_path / "none.safetensors")


def test_the_committed_weights_are_small_and_every_unit_is_evidence_for():
    assert network.WEIGHTS.stat().st_size <= 6_000_000
    assert (network.trained().fc.weight >= 0).all()

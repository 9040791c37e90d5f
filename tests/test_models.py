"""`load_model` and `Model`: what the network says reaches the readout exactly, and the network stays as it
was."""

import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from unitdrop.models import Model, ModelError, catalogue, load_model
from unitdrop.scenes import NAMES, render
from unitdrop.sweep import Sweep

SETTINGS = {"size": 64, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}


@pytest.fixture(scope="module")
def scenes():
    return load_model("scenes")


def resnet(classes=3):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ResNet(BasicBlock, [1, 1, 1, 1], num_classes=classes).eval()


def wrapped(net, labels=("a", "b", "c"), **settings):
    return Model(net, name="toy", labels=labels, **{**SETTINGS, **settings})


@given(
    st.sampled_from(NAMES),
    st.integers(0, 999),
    st.sampled_from(("weight", "contribution", "random")),
    st.data(),
)
def test_a_sweep_equals_a_real_forward_pass_with_the_channels_zeroed(scenes, name, seed, rank, data):
    scene = render(name, seed, 128)
    sweep = Sweep(scenes(scene.image), rank=rank, seed=seed)
    top = data.draw(st.integers(0, 256))
    bottom = data.draw(st.integers(0, 256 - top))
    dropped = torch.as_tensor(sweep.dropped(top, bottom))

    def silence(_, args):
        maps = args[0].clone()
        maps[:, dropped] = 0
        return (maps,)

    handle = scenes.module.avgpool.register_forward_pre_hook(silence)
    try:
        with torch.inference_mode():
            real = scenes.module(scenes.prepare(scene.image)).softmax(1)[0].numpy()
    finally:
        handle.remove()
    np.testing.assert_allclose(sweep.probabilities(top, bottom), real, atol=1e-5)


def test_the_network_is_the_same_bytes_after_use_and_keeps_no_hook(scenes):
    before = {k: v.numpy().tobytes() for k, v in scenes.module.state_dict().items()}
    scenes(render("farm", 1, 200).image)
    assert {k: v.numpy().tobytes() for k, v in scenes.module.state_dict().items()} == before
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in scenes.module.modules())
    assert not scenes.module.training


def test_a_forward_pass_that_fails_leaves_no_hook():
    net = resnet()
    net.layer3.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        wrapped(net)(np.zeros((64, 64, 3), np.uint8))
    assert not net.avgpool._forward_pre_hooks and not net.fc._forward_pre_hooks


def test_threads_wait_for_one_another_and_get_their_own_answers(scenes):
    images = [render(name, 3, 128).image for name in NAMES[:6]]
    alone, together = [scenes(i).pooled for i in images], [None] * 6

    def work(i):
        together[i] = scenes(images[i]).pooled

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for step in ("start", "join"):
        for thread in threads:
            getattr(thread, step)()
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)


class Brightness(nn.Module):
    """A head whose single map is the brightness of the input."""

    def __init__(self):
        super().__init__()
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(1, 1)

    def forward(self, x):
        return self.fc(self.avgpool(x.mean(1, keepdim=True)).flatten(1))


@pytest.mark.parametrize("shape", [(300, 300), (200, 330), (421, 150), (1500, 1100)])
@pytest.mark.parametrize("resize", [None, 80])
def test_the_map_lies_over_the_pixels_the_network_saw(shape, resize):
    model, (height, width) = (
        wrapped(Brightness(), ("bright",), resize=resize, mean=(0, 0, 0), std=(1, 1, 1)),
        shape,
    )
    picture = np.zeros((height, width, 3), np.uint8)
    y, x, r = int(height * 0.45), int(width * 0.55), min(shape) // 20
    picture[y - r : y + r, x - r : x + r] = 255
    readout = model(picture)
    seen, heat = readout.image[..., 0].astype(float), readout.maps[0]
    for axis in (0, 1):
        centres = [
            np.average((np.arange(a.shape[axis]) + 0.5) / a.shape[axis], weights=a.sum(1 - axis))
            for a in (seen, heat)
        ]
        assert centres[0] == pytest.approx(centres[1], abs=0.01)


def test_a_large_picture_is_kept_at_display_size(scenes):
    assert scenes(np.zeros((900, 1300, 3), np.uint8)).image.shape == (640, 640, 3)
    assert scenes(np.zeros((90, 130, 3), np.uint8)).image.shape == (90, 90, 3)


def test_a_network_without_pool_and_linear_head_is_refused_with_the_reason():
    net = resnet()
    net.fc = nn.Sequential(nn.Linear(512, 9), nn.ReLU(), nn.Linear(9, 3))
    with pytest.raises(ModelError, match="its CAM would not be exact"):
        wrapped(net)


def test_a_network_that_pools_by_maximum_is_refused_with_the_reason():
    net = resnet()
    net.avgpool = nn.AdaptiveMaxPool2d(1)
    with pytest.raises(ModelError, match="pools by averaging"):
        wrapped(net)(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))


def test_a_network_whose_output_is_not_its_head_is_refused_with_the_reason():
    net = resnet()
    net.forward = lambda x, plain=net.forward: plain(x).softmax(1)
    with pytest.raises(ModelError, match="return the logits"):
        wrapped(net)(np.zeros((64, 64, 3), np.uint8))


def test_a_resize_that_is_smaller_than_the_input_is_refused():
    with pytest.raises(ModelError, match="resize=50 is smaller than size=64"):
        wrapped(resnet(), resize=50)


def test_labels_that_do_not_fit_are_refused_with_both_counts():
    with pytest.raises(ModelError, match="3 classes but 2 labels"):
        wrapped(resnet(), ("a", "b"))


def test_a_head_without_bias_reads_as_zero_bias():
    net = resnet()
    net.fc = nn.Linear(512, 3, bias=False)
    assert wrapped(net)(np.zeros((64, 64, 3), np.uint8)).bias.tolist() == [0, 0, 0]


def test_an_unknown_name_is_answered_with_the_nearest_or_all():
    with pytest.raises(ModelError, match="did you mean 'scenes'"):
        load_model("scene")
    with pytest.raises(ModelError, match="choose one of scenes"):
        load_model("alexnet")


def test_the_catalogue_tells_the_truth_about_its_entries(scenes):
    (entry,) = catalogue()
    assert (entry.name, entry.units, entry.classes) == (scenes.name, scenes.units, len(scenes.labels))
    assert entry.cached and entry.size > 1_000_000 and entry.licence == "MIT"
    assert repr(scenes) == "Model('scenes', units=256, classes=20)"

"""A `Model` gives to the readout exactly what its network says, and leaves the network as it was."""

import threading
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from helpers.toys import has_hooks
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from unitdrop.models import ModelError, load_model, wrap
from unitdrop.notices import listening
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
    return wrap(net, name="toy", labels=labels, **{**SETTINGS, **settings})


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
    assert not has_hooks(scenes.module)


def test_a_forward_pass_that_fails_names_the_network_and_leaves_no_hook():
    net = resnet()
    model = wrapped(net)
    broken = net.layer3.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ModelError, match=r"network 'toy': its forward pass failed .*ZeroDivisionError"):
        model(np.zeros((64, 64, 3), np.uint8))
    broken.remove()
    assert not has_hooks(net)


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
    """A head whose single map is the brightness of the input, averaged over cells."""

    def __init__(self, cell=1):
        super().__init__()
        self.cells, self.fc = nn.AvgPool2d(cell), nn.Linear(1, 1)

    def forward(self, x):
        return self.fc(self.cells(x.mean(1, keepdim=True)).mean((2, 3)))


PLAIN = {"labels": ("dark", "bright"), "mean": (0, 0, 0), "std": (1, 1, 1)}


def centre(grid):
    """Where the brightness of a 2-D array has its centre: (y, x), as parts of its sides."""
    return [
        np.average((np.arange(n) + 0.5) / n, weights=grid.sum(1 - axis)) for axis, n in enumerate(grid.shape)
    ]


@pytest.mark.parametrize(
    "shape", [(300, 300), (200, 330), (421, 150), (1500, 1100), (64, 64), (37, 61), (20, 400)]
)
@pytest.mark.parametrize(
    ("size", "resize", "cell"),
    [
        (64, None, 1),
        (64, 80, 1),
        (64, 73, 1),
        (63, 64, 1),
        (32, 32, 1),
        (64, None, 16),
        (64, 73, 16),
        (48, 55, 16),
    ],
)
def test_the_map_lies_over_the_pixels_the_network_saw(shape, size, resize, cell):
    model = wrap(Brightness(cell), size=size, resize=resize, **PLAIN)
    picture, (height, width) = np.zeros((*shape, 3), np.uint8), shape
    short = min(shape)
    y, x, r = int(height / 2 + short * 0.1), int(width / 2 - short * 0.13), max(1, short // 20)
    picture[y - r : y + r, x - r : x + r] = 255  # the planted square, off centre both ways
    readout = model(picture)
    square, heat = centre(readout.image[..., 0].astype(float)), centre(readout.maps[0])
    # A cell of the map is wider than a pixel: its centre of mass can be off by half a cell at most.
    assert square == pytest.approx(heat, abs=0.012 if cell == 1 else cell / size / 2)
    ys, xs = ((int(p * n)) for p, n in zip(heat, readout.image.shape, strict=False))
    if cell == 1:
        assert readout.image[ys, xs, 0] > 127  # the peak of the overlay is on the square


def test_the_pixels_kept_are_those_the_network_saw_at_the_edges_too():
    columns = np.broadcast_to(np.arange(200)[None, :, None], (120, 200, 3)).astype(np.uint8)
    readout = wrap(Brightness(), size=96, resize=100, **PLAIN)(columns)
    # 120 x 200 becomes 100 x 166, of which columns 35 to 131 are seen: 42.2 to 157.8 of the original.
    assert readout.image.shape == (115, 115, 3)
    assert readout.image[0, 0, 0] == pytest.approx(42.2, abs=1)
    assert readout.image[0, -1, 0] == pytest.approx(156.8, abs=1)
    seen = readout.maps[0] * 255
    assert seen[50, 0] == pytest.approx(42.2, abs=1) and seen[50, -1] == pytest.approx(156.8, abs=1)


def test_a_large_picture_is_kept_at_display_size(scenes):
    assert scenes(np.zeros((900, 1300, 3), np.uint8)).image.shape == (640, 640, 3)
    assert scenes(np.zeros((90, 130, 3), np.uint8)).image.shape == (90, 90, 3)


def test_a_network_without_pool_and_linear_head_is_refused_with_its_name_and_the_reason():
    net = resnet()
    net.fc = nn.Sequential(nn.Linear(512, 9), nn.ReLU(), nn.Linear(9, 3))
    with pytest.raises(
        ModelError, match=r"network 'toy': its last linear layer is 'fc.2'.*CAMs are exact only"
    ):
        wrapped(net)


def test_a_head_that_qualifies_for_noise_but_not_for_an_image_is_refused_at_the_image():
    net = resnet()
    net.forward = lambda x, plain=net.forward: plain(x) * (1 if x.std() > 0.5 else 2)
    model = wrapped(net)
    with pytest.raises(ModelError, match="return the logits"):
        model(np.zeros((64, 64, 3), np.uint8))


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


BAD_SETTINGS = {
    "size of 0": ({"size": 0}, "size=0"),
    "size that is no whole number": ({"size": 64.5}, "size=64.5"),
    "two means": ({"mean": (0.5, 0.5)}, "mean=.*three numbers"),
    "two channels": ({"mean": (0.5, 0.5), "std": (1, 1)}, "mean=.*three numbers"),
    "mean of a word": ({"mean": "0.5"}, "mean=0.5; give three numbers"),
    "mean of nothing": ({"mean": ()}, "mean=.*three numbers"),
    "true": ({"mean": True}, "mean=True"),
    "mean on 0..255": (
        {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)},
        r"divide by 255: mean=\(0.485, 0.456, 0.406\), std=\(0.229, 0.224, 0.225\)",
    ),
    "std on 0..255": ({"mean": 0, "std": 255}, r"divide by 255: mean=\(0,\), std=\(1,\)"),
    "mean of Caffe": ({"mean": (104, 117, 123), "std": 1}, r"mean=\(0.4078, .*std=\(0.003922, "),
    "mean on 0..255, std not": ({"mean": 127.5, "std": 0.5}, r"divide by 255: mean=\(0.5,\), std=\(0.5,\)"),
    "std of 0": ({"std": (1, 0, 1)}, "std=.*three positive numbers"),
    "NaN": ({"mean": (0, 0, float("nan"))}, "mean="),
    "interpolation": ({"interpolation": "lanczos"}, "choose one of bilinear, bicubic, nearest"),
    "labels as one str": ({"labels": "abc"}, "give a list of 3 names"),
}


@pytest.mark.parametrize(("settings", "words"), BAD_SETTINGS.values(), ids=BAD_SETTINGS)
def test_settings_that_make_no_sense_are_refused_by_name(settings, words):
    with pytest.raises(ModelError, match=f"network 'toy'.*{words}"):
        wrapped(resnet(), **settings)


def test_what_is_no_network_is_refused():
    with pytest.raises(ModelError, match=r"expected a torch.nn.Module, got str"):
        wrap("resnet50")


def test_labels_can_be_left_out_and_changed():
    model = wrapped(resnet(), None)
    assert model.labels == ("class 0", "class 1", "class 2")
    other = model.labelled(["abc"] * 3)
    assert (
        other.labels == ("abc (0)", "abc (1)", "abc (2)")
        and other.module is model.module
        and other.size == 64
    )


def test_wrapping_leaves_a_network_in_training_mode_as_it_was():
    net = resnet().train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    wrapped(net)(np.full((64, 64, 3), 99, np.uint8))
    assert all(m.training for m in net.modules())
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


@pytest.mark.skipif(not find_spec("timm"), reason="timm is not installed")
@pytest.mark.parametrize("name", ["resnet10t", "tf_efficientnet_lite0", "convnextv2_atto"])
def test_a_timm_network_works_through_wrap_or_is_refused(name):
    import timm

    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = timm.create_model(name, pretrained=False, num_classes=7)
    config = timm.data.resolve_data_config({}, model=net)
    settings = {
        "size": 96,
        "mean": config["mean"],
        "std": config["std"],
        "interpolation": config["interpolation"],
    }
    if name.startswith("convnext"):  # it normalises between pooling and the linear layer
        with pytest.raises(ModelError, match="not the average"):
            wrap(net, **settings)
        return
    model = wrap(net, **settings)
    scene = render("harbour", 4, 96).image
    sweep = Sweep(model(scene))
    with torch.no_grad():
        real = net.eval()(model.prepare(scene)).softmax(1)[0].numpy()
    np.testing.assert_allclose(sweep.probabilities(), real, atol=1e-5)
    assert sweep.units == net.num_features


# ------------------------------------------------------------------------------------ one output


class Answer(nn.Module):
    """Two convolutions and one output z, whose sigmoid says yes."""

    def __init__(self, after=lambda z: z, bias=True):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(4)
            self.body = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 6, 3, 2), nn.ReLU())
            self.fc = nn.Linear(6, 1, bias)
        self.after = after

    def forward(self, x):
        return self.after(self.fc(self.body(x).mean((2, 3))))


ONE = {
    "(1, 1)": Answer(),
    "(1,)": Answer(lambda z: z.squeeze(1)),
    "()": Answer(lambda z: z.squeeze()),
    "without bias": Answer(bias=False),
}


@pytest.mark.parametrize("net", ONE.values(), ids=ONE)
@pytest.mark.parametrize("scope", ["unit", "class"])
@given(top=st.integers(0, 6))
def test_one_output_and_two_labels_are_two_classes_with_the_same_sigmoid(net, scope, top):
    with listening(lambda text: None):
        model = wrapped(net, ("no", "yes"))
    picture = render("farm", 2, 64).image
    readout = model(picture)
    assert not readout.weight[0].any() and readout.bias[0] == 0
    sweep = Sweep(readout, "yes", scope=scope)

    def silence(_, args, maps):
        return maps.index_fill(1, torch.as_tensor(sweep.dropped(top)), 0)

    handle = net.body.register_forward_hook(silence)
    with torch.no_grad():
        real = net(model.prepare(picture)).sigmoid().item()
    handle.remove()
    np.testing.assert_allclose(sweep.probabilities(top), [1 - real, real], atol=1e-5)
    z = sweep.logits(top)
    assert z[0] == 0 and sweep.cam(None, top).mean() + readout.bias[1] == pytest.approx(z[1], abs=1e-5)


@pytest.mark.parametrize(
    "labels", [None, ("yes",), ("no", "yes", "maybe"), "no", {"no", "yes"}, {"no": 0, "yes": 1}]
)
def test_one_output_without_two_labels_is_refused_with_the_remedy(labels):
    with pytest.raises(ModelError, match=r"has one output.*two names, the first for 0.*--labels FILE"):
        wrapped(Answer(), labels)


def test_one_output_says_which_class_has_the_evidence_and_takes_other_names():
    heard = []
    with listening(heard.append):
        model = wrapped(Answer(), ["no", "yes"]).labelled(["cat", "dog"])
    assert "the evidence, its weights and map, is that of yes" in heard[0] and model.labels == ("cat", "dog")
    with pytest.raises(ModelError, match="has one output"):
        model.labelled(["cat"])
    assert wrapped(Answer(), iter(["no", "yes"])).labels == ("no", "yes")


@pytest.mark.parametrize(
    ("labels", "words"), [(("a", "b", "c"), "3 label"), (("a",), "1 label"), (None, "1;")]
)
def test_one_output_is_refused_with_how_many_labels_were_given(labels, words):
    with pytest.raises(ModelError, match=f"a softmax is always 1.*{words}" if labels else words):
        wrapped(Answer(), labels)


def test_of_a_network_that_is_refused_only_the_reason_is_said():
    heard = []
    with listening(heard.append):
        with pytest.raises(ModelError, match="has one output"):
            wrap(Answer(), labels=None)
        with pytest.raises(ModelError, match="divide by 255"):
            wrap(resnet(), mean=(123.675, 116.28, 103.53), std=(58.4, 57.1, 57.4))
        assert heard == []
        wrap(Answer(), labels=["no", "yes"])
    assert ["nothing says" in heard[0], "has one output z" in heard[1]] == [True, True] and len(heard) == 2


class Demanding(nn.Module):
    """Takes pictures in 0..1 only."""

    def __init__(self):
        super().__init__()
        self.net = resnet()

    def forward(self, x):
        if x.min() < 0 or x.max() > 1:
            raise ValueError("expected values in 0..1")
        return self.net(x)


def test_a_network_is_tried_with_values_that_pictures_have():
    model = wrapped(Demanding(), mean=0.0, std=1.0)
    assert model(np.full((64, 64, 3), 255, np.uint8)).classes == 3
    with pytest.raises(ModelError, match=r"expected values in 0\.\.1"):
        wrapped(Demanding())


@pytest.mark.parametrize("default", ["device", "dtype"])
def test_the_callers_defaults_for_new_tensors_do_not_matter(default):
    net, picture = resnet(), render("harbour", 3, 64).image
    own = wrapped(net)(picture)
    try:
        if default == "device":
            torch.set_default_device("meta")
        else:
            torch.set_default_dtype(torch.float64)
        there = wrapped(net)(picture)
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)
    assert np.array_equal(own.maps, there.maps) and np.array_equal(own.weight, there.weight)


def test_a_sigmoid_inside_is_refused():
    with pytest.raises(ModelError, match="return the logits"):
        wrapped(Answer(torch.sigmoid), ("no", "yes"))


# ------------------------------------------------------------------------------------ grey, size, precision


def grey():
    net = resnet()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    return net


LEVELS = {
    "three equal": ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25), []),
    "one": (0.5, 0.25, []),
    "a tuple of one": ((0.5,), [0.25], []),
    "an array": (np.array([0.5]), torch.tensor(0.25), []),
    "three that differ": ((0.4, 0.5, 0.6), (0.25, 0.25, 0.25), ["mean=0.4815, std=0.25 were made"]),
}


@pytest.mark.parametrize(("mean", "std", "words"), LEVELS.values(), ids=LEVELS)
def test_a_network_for_grey_gets_the_luma_of_the_picture(mean, std, words):
    heard, net = [], grey()
    with listening(heard.append):
        model = wrapped(net, mean=mean, std=std)
    assert model.channels == 1 and len(heard) == len(words)
    assert all(word in text for word, text in zip(words, heard, strict=True))
    pixels = render("harbour", 5, 64).image
    levels = torch.as_tensor(np.array(Image.fromarray(pixels).convert("L"))) / 255
    middle = 0.4815 if words else 0.5
    torch.testing.assert_close(model.prepare(pixels), (levels[None, None] - middle) / 0.25)
    with torch.no_grad():
        real = net(model.prepare(pixels)).softmax(1)[0].numpy()
    np.testing.assert_allclose(Sweep(model(pixels)).probabilities(), real, atol=1e-5)
    assert model.labelled(list("xyz")).channels == 1 and model(pixels).image.shape == (64, 64, 3)


def test_one_number_is_for_all_three_colours():
    model = wrapped(resnet(), mean=0.5, std=(0.25,))
    assert (model.mean, model.std, model.channels) == ((0.5,) * 3, (0.25,) * 3, 3)


def cifar(window):
    """A network made for 32 x 32, whose last average is over a window of a fixed side."""
    net = nn.Sequential(nn.Conv2d(3, 6, 3, 4, 1), nn.ReLU(), nn.AvgPool2d(window), nn.Flatten())
    return nn.Sequential(*net, nn.Linear(6, 3))


def test_a_network_made_for_another_size_says_which_works():
    with pytest.raises(ModelError, match=r"failed on an input .*; it works with size=32 \(--size 32\)"):
        wrapped(cifar(8), size=224)
    with pytest.raises(ModelError, match=r"single pixel.*; it works with size=64 \(--size 64\)"):
        wrapped(resnet(), size=32)
    with pytest.raises(ModelError, match=r"made for another size, give size=N \(--size N\)"):
        wrapped(cifar(1000), size=64)


def test_another_size_keeps_the_proportion_of_what_is_cut():
    model = wrapped(resnet(), size=64, resize=80).resized(96)
    assert (model.size, model.resize, model.labels) == (96, 120, ("a", "b", "c"))
    assert wrapped(resnet()).resized(96).resize == 96
    with pytest.raises(ModelError, match="size=0"):
        model.resized(0)


class Mixed(nn.Module):
    """Switches mixed precision on by itself."""

    def __init__(self, kind, after=lambda z: z):
        super().__init__()
        self.net, self.kind, self.after = resnet(), kind, after

    def forward(self, x):
        with torch.autocast("cpu", dtype=self.kind):
            return self.after(self.net(x))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("after", [lambda z: z, lambda z: z.float()])
def test_mixed_precision_inside_is_left_off_and_said(kind, after):
    heard, net = [], Mixed(kind, after).eval()
    with listening(heard.append):
        model = wrapped(net)
    assert ["mixed precision" in text for text in heard] == [True]
    pixels = render("harbour", 5, 64).image
    with torch.no_grad():
        exact = net.net(model.prepare(pixels)).softmax(1)[0].numpy()
        own = net(model.prepare(pixels)).float().softmax(1)[0].numpy()
    sweep = Sweep(model(pixels))
    np.testing.assert_allclose(sweep.probabilities(), exact, atol=1e-5)
    np.testing.assert_allclose(sweep.probabilities(), own, atol=0.02)  # to the rounding of bfloat16

"""Small heads to check by hand, random heads for Hypothesis, and a small ResNet with a hook as oracle."""

from functools import cache

import numpy as np
from hypothesis import strategies as st

from unitdrop.readout import Readout
from unitdrop.sweep import RANKINGS, SCOPES, Sweep

LABELS = ("harbour", "lake", "river", "island", "beach", "mountain", "forest", "meadow", "farm", "village")


def image(height=4, width=6):
    """A picture for readouts whose picture does not matter."""
    return np.zeros((height, width, 3), np.uint8)


def hand_readout():
    """Four units pooled to 2, 1, 3, 1 on a 1 by 2 grid, so that every sum can be done in the head.

    Contributions: harbour 4 2 0 -1, lake 0 1 3 1, river 0 0 0 2. Logits, with the bias: 5.5, 5, 2.25.
    """
    maps = [[[1, 3]], [[2, 0]], [[3, 3]], [[0, 2]]]
    weight = [[2, 2, 0, -1], [0, 1, 1, 1], [0, 0, 0, 2]]
    return Readout(maps, weight, [0.5, 0, 0.25], LABELS[:3], image(), "hand")


def random_readout(seed=0, units=6, classes=4, grid=(2, 3), style="normal"):
    """Build a head: `normal` numbers, small `integers` (full of exact ties) or `sparse` (many zeros)."""
    rng = np.random.default_rng(seed)
    maps, weight = rng.exponential(1, (units, *grid)), rng.normal(0, 1, (classes, units))
    bias = rng.normal(0, 1, classes)
    if style == "integers":
        maps, weight, bias = rng.integers(0, 3, maps.shape), rng.integers(-2, 3, weight.shape), np.rint(bias)
        maps = np.broadcast_to(maps[:, :1, :1], maps.shape)  # so that the mean is an integer too
    if style == "sparse":
        maps, weight = (
            maps * (rng.random(units) < 0.5)[:, None, None],
            weight * (rng.random(weight.shape) < 0.4),
        )
    return Readout(maps, weight, bias, LABELS[:classes], image(), "toy")


def readouts(units=8, classes=5):
    """Random heads of up to `units` units and `classes` classes."""
    return st.builds(
        random_readout,
        seed=st.integers(0, 2**32),
        units=st.integers(1, units),
        classes=st.integers(1, classes),
        grid=st.tuples(st.integers(1, 3), st.integers(1, 4)),
        style=st.sampled_from(("normal", "integers", "sparse")),
    )


@st.composite
def sweeps(draw, readout=None, scopes=SCOPES):
    """Random sweeps: any target (or none), ranking, scope and seed."""
    readout = draw(readouts()) if readout is None else readout
    target = draw(st.none() | st.integers(0, readout.classes - 1))
    rank, scope = draw(st.sampled_from(RANKINGS)), draw(st.sampled_from(scopes))
    return Sweep(readout, target, rank, scope, seed=draw(st.integers(0, 99)))


@st.composite
def windows(draw, sweep):
    """Random windows (top, bottom) of a sweep, the two ends often enough."""
    top = draw(st.sampled_from((0, sweep.units)) | st.integers(0, sweep.units))
    return top, draw(st.integers(0, sweep.units - top))


def softmax(logits):
    """Softmax the plain way, in float64."""
    powers = np.exp(np.asarray(logits, np.float64))
    return powers / powers.sum()


@cache
def small_resnet():
    """A torchvision ResNet of basic blocks with random weights, and one input (1, 3, 96, 96)."""
    import torch
    from torchvision.models.resnet import BasicBlock, ResNet

    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=7).eval()
        torch.nn.init.normal_(
            network.fc.weight, std=0.2
        )  # so that the classes differ in more than the 3rd decimal
        return network, torch.rand(1, 3, 96, 96)


def read(network, batch):
    """Run a network once: the `Readout` of what reaches its average pooling."""
    import torch

    seen = []
    handle = network.avgpool.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    try:
        with torch.no_grad():
            network(batch)
    finally:
        handle.remove()
    weight, bias = network.fc.weight.detach(), network.fc.bias.detach()
    return Readout(seen[0][0], weight, bias, LABELS[: len(bias)], image(), "resnet")


def hooked_probabilities(network, batch, dropped):
    """Run the whole network with the `dropped` channels of the last maps set to zero by a hook: (C,)."""
    import torch

    def silence(module, inputs):
        maps = inputs[0].clone()
        maps[:, torch.as_tensor(dropped)] = 0
        return (maps,)

    handle = network.avgpool.register_forward_pre_hook(silence)
    try:
        with torch.no_grad():
            return network(batch)[0].softmax(0).numpy()
    finally:
        handle.remove()


def has_hooks(network):
    """Whether any part of a network keeps a hook."""
    return any(
        value for part in network.modules() for name, value in vars(part).items() if name.endswith("_hooks")
    )

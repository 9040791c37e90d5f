"""`find_head` finds what makes a sweep exact, refuses what would not be, and leaves the network as it was."""

import copy
import threading
import warnings

import pytest
import torch
import torch.nn.functional as F
import torchvision
from helpers.toys import has_hooks
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from unitdrop.models import ModelError
from unitdrop.models.head import find_head

BATCH = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))


class Net(nn.Module):
    """Two convolutions, and a head that a test makes up: `pool` gives what the linear layer reads."""

    def __init__(self, pool, classes=4, units=6, after=lambda logits: logits, bias=True):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.body = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, units, 3, stride=2))
            self.norm = nn.BatchNorm2d(units)
            self.read = nn.Linear(units, classes, bias)
        self.pool, self.after = pool, after

    def forward(self, x):
        return self.after(self.read(self.pool(self.norm(self.body(x)))))


def zeroed(net, maps_to_logits, dropped):
    """A forward pass with units silenced where the maps go into the pooling."""
    with torch.no_grad():
        maps = net.norm(net.body(BATCH)).clone()
        maps[:, dropped] = 0
        return maps_to_logits(maps)[0]


GOOD = {
    "module": (nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())),
    "functional pooling": lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1),
    "mean over two dimensions": lambda x: x.mean((2, 3)),
    "mean twice": lambda x: x.mean(3).mean(2),
    "mean of a flattened grid": lambda x: x.flatten(2).mean(2),
    "functional ReLU between": lambda x: F.relu(x).mean((2, 3)),
    "functional ReLU in place": lambda x: F.adaptive_avg_pool2d(F.relu(x, inplace=True), 1).flatten(1),
    "SiLU between": lambda x: F.silu(x).mean((2, 3)),
    "dropout of maps": lambda x: F.dropout2d(x, 0.5, training=False).mean((2, 3)),
    "dropout after pooling": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.9)),
    "average pool of the whole grid": lambda x: F.avg_pool2d(x, x.shape[-2:])[:, :, 0, 0],
    "channels last": lambda x: x.permute(0, 2, 3, 1).contiguous().mean((1, 2)),
    "sum over area": lambda x: x.sum((2, 3)) / (x.shape[2] * x.shape[3]),
    "einsum": lambda x: torch.einsum("nchw->nc", x) / x[0, 0].numel(),
}


@pytest.mark.parametrize("pool", GOOD.values(), ids=GOOD)
def test_the_maps_are_found_whatever_does_the_averaging(pool):
    net = Net(pool).eval()
    head = find_head(net, BATCH)
    assert head.layer == "read" and torch.equal(head.weight, net.read.weight)
    with torch.no_grad():
        torch.testing.assert_close(head.logits, net(BATCH)[0], rtol=0, atol=0)
        torch.testing.assert_close(head.maps.mean((1, 2)), net.pool(net.norm(net.body(BATCH)))[0])
    assert head.maps.shape == (6, 14, 14)


@pytest.mark.parametrize("name", [name for name in GOOD if "SiLU" not in name])
@given(dropped=st.sets(st.integers(0, 5)))
def test_dropping_units_of_the_maps_found_is_a_forward_pass_with_them_zeroed(name, dropped):
    net = Net(GOOD[name]).eval()
    head = find_head(net, BATCH)
    kept = [u for u in range(6) if u not in dropped]
    ours = head.weight[:, kept] @ head.maps[kept].mean((1, 2)) + head.bias
    theirs = zeroed(net, lambda maps: net.read(net.pool(maps)), sorted(dropped))
    torch.testing.assert_close(ours.detach(), theirs, rtol=1e-5, atol=1e-6)


def test_the_coarser_of_two_grids_is_taken_when_pooling_has_two_steps():
    net = Net(lambda x: F.avg_pool2d(x, 2).mean((2, 3)))
    assert find_head(net, BATCH).maps.shape == (6, 7, 7)  # the later activation: what the last average reads


def test_a_head_without_bias_is_found():
    assert find_head(Net(GOOD["module"], bias=False), BATCH).bias.tolist() == [0, 0, 0, 0]


def test_maps_that_are_all_zero_are_found_too():
    net = Net(GOOD["functional ReLU between"])
    nn.init.constant_(net.norm.weight, 0)
    nn.init.constant_(net.norm.bias, -1)
    head = find_head(net, BATCH)
    assert head.maps.shape == (6, 14, 14) and not head.maps.any()
    torch.testing.assert_close(head.logits, net.read.bias.detach())


def test_a_double_precision_network_is_read_in_double_precision():
    head = find_head(Net(GOOD["module"]).double(), BATCH.double())
    assert head.maps.dtype == torch.float64


def above(net):
    """A network whose logits are all above 0 on the noise, by its bias."""
    with torch.no_grad():
        net.read.bias += 9
    return net


class Squeezed(nn.Module):
    """A convolution of 1 x 1 whose outputs are all above 0, then ReLU, then the average."""

    def __init__(self):
        super().__init__()
        self.body, self.read = nn.Sequential(nn.Conv2d(3, 6, 3, 2), nn.ReLU()), nn.Conv2d(6, 4, 1)
        nn.init.constant_(self.read.bias, 9)

    def forward(self, x):
        return F.relu(self.read(self.body(x))).mean((2, 3))


BAD = {
    "maximum": (Net(lambda x: x.amax((2, 3))), "not the average of the 6 maps of 14 x 14"),
    "adaptive maximum": (Net(lambda x: F.adaptive_max_pool2d(x, 1).flatten(1)), "not the average"),
    "generalised mean": (Net(lambda x: x.clamp(min=1e-6).pow(3).mean((2, 3)).pow(1 / 3)), "not the average"),
    "normalised": (Net(lambda x: F.normalize(x.mean((2, 3)))), "not the average"),
    "layer norm after pooling": (
        Net(nn.Sequential(GOOD["module"], nn.LayerNorm(6, bias=False))),
        "not the average",
    ),
    "scaled a little": (Net(lambda x: x.mean((2, 3)) * 1.001), "not the average"),
    "a corner only": (Net(lambda x: x[:, :, 0, 0]), "not the average"),
    "flattened grid": (
        Net(lambda x: F.adaptive_avg_pool2d(x, 2).flatten(1), units=6).apply(
            lambda m: setattr(m, "read", nn.Linear(24, 4)) if isinstance(m, Net) else None
        ),
        "there are no 24 feature maps",
    ),
    "softmax": (Net(GOOD["module"], after=lambda z: z.softmax(1)), "return the logits"),
    "temperature": (Net(GOOD["module"], after=lambda z: z / 2), "return the logits"),
    "ReLU of positive logits": (Net(GOOD["module"], after=lambda z: F.relu(z + 9) - 9), "return the logits"),
    "ReLU that changes nothing": (above(Net(GOOD["module"], after=F.relu)), "goes through relu: return the"),
    "ReLU in place": (
        above(Net(GOOD["module"], after=lambda z: z.relu_())),
        "goes through relu_: return the",
    ),
    "clamped": (above(Net(GOOD["module"], after=lambda z: z.clamp(-99, 99).squeeze(0))), "through clamp:"),
    "convolution, ReLU, average": (Squeezed(), "goes through relu: return the logits"),
    "tuple": (Net(GOOD["module"], after=lambda z: (z, z)), "returns a tuple, not a tensor of logits"),
    "nothing": (Net(GOOD["module"], after=lambda z: None), "returns a NoneType"),
    "NaN": (Net(GOOD["module"], after=lambda z: z * float("nan")), "NaN or infinity"),
    "no linear layer": (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        "no nn.Linear",
    ),
    "tokens": (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(2), nn.Linear(900, 4)), "not the (1, units)"),
    "two layers": (Net(nn.Sequential(GOOD["module"], nn.Linear(6, 6))), "not the average of the 6 maps"),
    "half precision": (Net(GOOD["module"]).bfloat16(), "too coarse to be exact; pass module.float()"),
    "another size": (
        nn.Sequential(nn.Flatten(), nn.Linear(7, 2)),
        "its forward pass failed on an input of (1, 3, 32, 32)",
    ),
    "a single pixel": (Net(lambda x: F.adaptive_max_pool2d(x, 1).mean((2, 3))), "not the average"),
}


@pytest.mark.parametrize(("net", "words"), BAD.values(), ids=BAD)
def test_a_network_for_which_a_sweep_would_not_be_exact_is_refused_with_the_reason(net, words):
    batch = BATCH.bfloat16() if next(net.parameters()).dtype == torch.bfloat16 else BATCH
    with pytest.raises(ModelError) as caught:
        find_head(net, batch)
    assert words in str(caught.value)


def test_the_refusal_names_the_layer_and_what_it_would_need():
    with pytest.raises(
        ModelError, match=r"'read', .*CAMs are exact only for a network that averages its last maps"
    ):
        find_head(BAD["maximum"][0], BATCH)


def test_maps_of_one_pixel_are_refused_as_there_is_nothing_to_see():
    net = nn.Sequential(
        nn.Conv2d(3, 6, 32), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2)
    )
    with pytest.raises(ModelError, match="a single pixel"):
        find_head(net, BATCH)


def test_a_linear_layer_that_does_more_than_its_weights_say_is_refused():
    class Cosine(nn.Linear):
        def forward(self, x):
            return super().forward(F.normalize(x))

    net = Net(GOOD["module"])
    net.read = Cosine(6, 4)
    with pytest.raises(ModelError, match="does more than weight times input plus bias"):
        find_head(net, BATCH)


# ------------------------------------------------------------------------------------ nothing is changed


def everything(net):
    """All that a forward pass could change: bytes, modes, hooks, gradients, random state."""
    parts = list(net.modules())
    hooks = [
        {k: list(v) for k, v in vars(part).items() if "hook" in k and hasattr(v, "keys")} for part in parts
    ]
    tensors = {k: (v.clone(), v.requires_grad) for k, v in net.state_dict(keep_vars=True).items()}
    grads = [None if p.grad is None else p.grad.clone() for p in net.parameters()]
    return [part.training for part in parts], hooks, tensors, grads, torch.random.get_rng_state()


def same(before, after):
    assert before[:2] == after[:2]
    for key, (tensor, wants) in before[2].items():
        assert torch.equal(tensor, after[2][key][0]) and wants == after[2][key][1]
    for a, b in zip(before[3], after[3], strict=True):
        assert (a is None and b is None) or torch.equal(a, b)
    assert torch.equal(before[4], after[4])


class Restless(Net):
    """Counts its calls in a buffer, draws random numbers, and may fail in the middle."""

    def __init__(self, fails=False):
        super().__init__(GOOD["module"])
        self.register_buffer("calls", torch.zeros(()))
        self.fails = fails

    def forward(self, x):
        self.calls += 1
        torch.rand(3)
        if self.fails:
            raise RuntimeError("half way")
        return super().forward(x)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_the_network_is_left_as_it_was_also_after_an_error(fails, training):
    net = Restless(fails).train(training)
    net.norm.eval()  # a frozen layer in a network in training: modes are kept part by part
    Net.forward(net, BATCH).sum().backward()
    net.body[0].register_forward_hook(lambda *_: None)
    before = everything(net)
    if fails:
        with pytest.raises(ModelError, match="RuntimeError: half way"):
            find_head(net, BATCH)
    else:
        find_head(net, BATCH)
    same(before, everything(net))


def test_an_interrupt_passes_through_and_leaves_nothing():
    def stop(*_):
        raise KeyboardInterrupt

    net = Net(GOOD["module"]).train()
    net.norm.register_forward_hook(stop)
    before = everything(net)
    with pytest.raises(KeyboardInterrupt):
        find_head(net, BATCH)
    same(before, everything(net))


def test_a_network_in_training_mode_is_read_as_in_eval_mode():
    net = Net(nn.Sequential(GOOD["module"], nn.Dropout(0.5))).train()
    torch.testing.assert_close(find_head(net, BATCH).logits, copy.deepcopy(net).eval()(BATCH)[0].detach())


# ------------------------------------------------------------------------------------ what could deceive it


class Loud(Net):
    """Its first unit is a million times as large as the others: a common tolerance would pass anything."""

    def forward(self, x):
        maps = self.norm(self.body(x))
        maps[:, 0] = 1e6
        return self.read(self.pool(maps))


def test_a_loud_unit_does_not_hide_that_the_others_are_not_averaged():
    assert find_head(Loud(GOOD["mean over two dimensions"]), BATCH).maps.shape == (6, 14, 14)
    with pytest.raises(ModelError, match="not the average"):
        find_head(Loud(lambda x: x.amax((2, 3))), BATCH)
    with pytest.raises(ModelError, match="not the average"):
        find_head(Loud(lambda x: x.mean((2, 3)).clamp(min=-0.01)), BATCH)


def test_a_small_class_is_compared_by_its_own_size():
    net = Net(GOOD["module"], after=lambda z: z + torch.tensor([0, 0.1, 0, 0]))
    with torch.no_grad():
        net.read.weight[0] = 1e7
    with pytest.raises(ModelError, match="return the logits"):
        find_head(net, BATCH)


SPREAD = {
    "expanded": lambda x, g: g.expand(-1, -1, 7, 7),
    "interpolated": lambda x, g: F.interpolate(g, size=(9, 9)),
    "subtracted from the maps": lambda x, g: x - g.expand_as(x),
    "added to the maps": lambda x, g: x * 0 + g,
}


@pytest.mark.parametrize("spread", SPREAD.values(), ids=SPREAD)
def test_maps_made_of_the_mean_are_not_taken_for_the_maps_that_were_averaged(spread):
    def pool(x):
        g = F.adaptive_avg_pool2d(x, 1)
        spread(x, g)
        return g.flatten(1)

    net = Net(pool).eval()
    with torch.no_grad():
        torch.testing.assert_close(find_head(net, BATCH).maps, net.norm(net.body(BATCH))[0])


class Noisy(nn.Module):
    """A parametrisation of a weight that is random in training mode."""

    def forward(self, weight):
        return F.dropout(weight, 0.5, self.training)


@pytest.mark.parametrize("kind", ["random", "spectral norm", "weight norm"])
def test_a_weight_that_is_computed_is_read_in_eval_mode_and_its_buffers_stay(kind):
    net = Net(GOOD["module"])
    if kind == "random":
        torch.nn.utils.parametrize.register_parametrization(net.read, "weight", Noisy())
    else:
        norm = {"spectral norm": "spectral_norm", "weight norm": "weight_norm"}[kind]
        getattr(torch.nn.utils.parametrizations, norm)(net.read)
    net.train()
    before = everything(net)
    head = find_head(net, BATCH)
    same(before, everything(net))
    real = copy.deepcopy(net).eval()(BATCH)[0].detach()
    torch.testing.assert_close(head.weight @ head.maps.mean((1, 2)) + head.bias, real, rtol=1e-5, atol=1e-6)


class Hoarder(Net):
    """Puts a new tensor in the place of a buffer, and makes gradients although nobody asked."""

    def __init__(self):
        super().__init__(GOOD["module"])
        self.register_buffer("calls", torch.tensor([float("nan"), 0]))

    def forward(self, x):
        self.calls = self.calls + 1
        with torch.enable_grad():
            self.read.weight.sum().backward()
        return super().forward(x)


def test_buffers_that_are_replaced_and_gradients_that_are_made_are_put_back():
    net = Hoarder()
    calls = net.calls
    find_head(net, BATCH)
    assert net.calls is calls and net.calls[1] == 0 and net.read.weight.grad is None


def test_two_threads_on_one_network_leave_its_mode_and_hooks_alone():
    net = Net(GOOD["module"]).train()
    threads = [threading.Thread(target=lambda: [find_head(net, BATCH) for _ in range(30)]) for _ in range(4)]
    for step in ("start", "join"):
        for thread in threads:
            getattr(thread, step)()
    assert all(part.training for part in net.modules()) and not has_hooks(net)


class Named(Net):
    """Gives its layer the input by name, and has a second head whose output is thrown away."""

    def __init__(self):
        super().__init__(GOOD["module"])
        self.extra = nn.Linear(6, 2)

    def forward(self, x):
        pooled = self.pool(self.norm(self.body(x)))
        logits = self.read(input=pooled)
        self.extra(pooled)
        return logits


def test_the_layer_whose_output_is_returned_is_the_head():
    assert find_head(Named(), BATCH).layer == "read"


def test_autocast_around_it_changes_nothing():
    net = Net(GOOD["module"])
    alone = find_head(net, BATCH).logits
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(find_head(net, BATCH).logits, alone)


def test_what_cannot_be_looked_into_is_refused_in_its_own_words():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.trace(Net(GOOD["mean over two dimensions"]).eval(), BATCH)
    with pytest.raises(ModelError, match=r"TorchScript.* pass the Python module"):
        find_head(scripted, BATCH)
    with pytest.raises(ModelError, match=r"meta device.* load its weights first"):
        find_head(Net(GOOD["module"]).to("meta"), BATCH)


# ----------------------------------------------------------------------------- torchvision's whole list


# ------------------------------------------------------------------------------------ layers of other kinds


class Convolved(Net):
    """The same network with a convolution of 1 x 1 as its last layer, after the average or before it."""

    def __init__(self, first, flat=True):
        super().__init__(GOOD["module"])
        layer = nn.Conv2d(6, 4, 1)
        layer.load_state_dict({"weight": self.read.weight[..., None, None], "bias": self.read.bias})
        self.read, self.first, self.flat = layer, first, flat

    def forward(self, x):
        x = self.norm(self.body(x))
        x = F.adaptive_avg_pool2d(self.read(x), 1) if self.first else self.read(F.adaptive_avg_pool2d(x, 1))
        return x.flatten(1) if self.flat else x


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("flat", [False, True])
def test_a_convolution_of_one_by_one_is_the_linear_layer_it_amounts_to(first, flat):
    plain = Net(lambda x: x.mean((2, 3)))
    ours, theirs = find_head(Convolved(first, flat), BATCH), find_head(plain, BATCH)
    assert ours.layer == "read"
    for name in ("maps", "weight", "bias", "logits"):
        torch.testing.assert_close(getattr(ours, name), getattr(theirs, name))


def test_side_computations_after_the_logits_do_not_matter():
    class Aside(Net):
        def forward(self, x):
            logits = super().forward(x)
            self.probabilities = F.softmax(logits, 1)
            return logits.flatten(1)

    assert find_head(Aside(GOOD["module"]), BATCH).layer == "read"


def test_layers_that_round_or_are_not_linear_are_named_with_the_remedy():
    class Curved(nn.Linear):
        def forward(self, x):
            return super().forward(x) + x.square().sum(1, keepdim=True)

    net = Net(GOOD["module"])
    net.read = Curved(6, 4)
    with pytest.raises(ModelError, match=r"'read', a .*Curved, which does more than weight times input"):
        find_head(net, BATCH)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rounded = torch.ao.quantization.quantize_dynamic(Net(GOOD["module"]).eval(), {nn.Linear})
    with pytest.raises(
        ModelError, match=r"'read', a torch\.ao\.nn\.quantized.*give the network before quanti"
    ):
        find_head(rounded, BATCH)


@pytest.mark.skipif("fbgemm" not in torch.backends.quantized.supported_engines, reason="not on this machine")
def test_of_a_quantised_network_the_layer_is_named_not_what_holds_it():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = torchvision.models.quantization.resnet18(quantize=True, num_classes=4)
    with pytest.raises(
        ModelError, match=r"its layer 'conv1' is a torch\.ao.*: give the network before quanti"
    ):
        find_head(net, torch.rand(1, 3, 64, 64))


MIXED = {
    "head": (
        "read",
        lambda net, x: net.read(net.pool(net.norm(net.body(x))).half()).float(),
        "'read', of torch.float16",
    ),
    "body": (
        "body",
        lambda net, x: net.read(net.pool(net.body(x.half())).float()),
        "maps before it are of torch.float16",
    ),
    "no cast": ("read", lambda net, x: net.read(net.pool(net.body(x))), "of torch.float16 and torch.float32"),
}


@pytest.mark.parametrize(("part", "forward", "words"), MIXED.values(), ids=MIXED)
def test_half_precision_in_a_part_is_named(part, forward, words):
    net = Net(GOOD["module"])
    getattr(net, part).half()
    net.forward = lambda x: forward(net, x)
    with pytest.raises(ModelError, match=rf"{words}.*pass module.float\(\)"):
        find_head(net, BATCH)


def test_an_exported_program_is_read():
    exported = torch.export.export(Net(GOOD["module"]).eval(), (BATCH,)).module()
    ours, theirs = find_head(exported, BATCH), find_head(Net(GOOD["module"]), BATCH)
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.logits, theirs.logits)


def test_lazy_layers_are_refused_before_they_are_made():
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(3))
    with pytest.raises(ModelError, match="lazy layers have no numbers yet; run it once"):
        find_head(net, BATCH)
    assert isinstance(net[0], nn.LazyConv2d)


def test_numbers_made_in_inference_mode_can_be_read():
    with torch.inference_mode():
        net = Net(GOOD["module"])
    torch.testing.assert_close(find_head(net, BATCH).logits, find_head(Net(GOOD["module"]), BATCH).logits)

"""A forward pass that is watched leaves no trace, also in a network that another thread uses or trains."""

import copy
import threading

import pytest
import torch
from torch import nn

from unitdrop.models import ModelError
from unitdrop.models.head import find_head
from unitdrop.models.watch import InputError, look_at_pass

BATCH = torch.randn(1, 3, 24, 24, generator=torch.Generator().manual_seed(1))


class Small(nn.Module):
    """A convolution, batch norm, dropout, average, linear layer; `meanwhile` is done in another thread."""

    def __init__(self, meanwhile=None):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(2)
            self.body = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.5))
            self.read = nn.Linear(6, 4)
        self.meanwhile = meanwhile

    def forward(self, x):
        if self.meanwhile is not None:
            thread = threading.Thread(target=self.meanwhile)
            thread.start()
            thread.join()
        return self.read(self.body(x).mean((2, 3)))


def trained(steps, meanwhile=lambda net, step: None):
    """A small network after some steps with dropout and momentum; also whether it stayed in its mode."""
    net, modes = Small(), []
    torch.manual_seed(3)
    net.body[1].register_forward_pre_hook(lambda part, _: modes.append(part.training))
    optimiser = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    for step in range(steps):
        optimiser.zero_grad()
        net(torch.randn(4, 3, 24, 24)).square().sum().backward()
        meanwhile(net, step)
        optimiser.step()
    return net, modes


def test_training_goes_the_same_way_while_another_thread_looks_at_the_network():
    alone, modes = trained(40)
    found, stop, shared = [], threading.Event(), []

    def look():
        while not stop.is_set():
            if shared:
                try:
                    found.append(find_head(shared[0], BATCH))
                except ModelError as error:
                    found.append(str(error))

    thread = threading.Thread(target=look)
    thread.start()
    together, looked_at = trained(40, lambda net, step: shared or shared.append(net))
    stop.set()
    thread.join()
    # The hook sees the passes of the twins too, whose mode is eval: only those in training mode are its own.
    assert [mode for mode in looked_at if mode] == modes == [True] * 40
    for (name, ours), theirs in zip(together.state_dict().items(), alone.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), name
    assert all(part.training for part in together.modules()) and len(found) > 0
    assert all(not isinstance(what, str) or "another thread trains it" in what for what in found)


def test_a_head_is_of_one_moment_also_if_the_parameters_change_in_the_middle():
    def step():
        with torch.no_grad():
            net.read.weight.add_(1)

    net = Small(step).eval()
    head = find_head(net, BATCH)
    ours = head.weight @ head.maps.mean((1, 2)) + head.bias
    torch.testing.assert_close(ours, head.logits)


def test_where_the_networks_own_parts_must_run_a_change_of_its_parameters_is_told():
    def step():
        with torch.no_grad():
            net.read.weight.add_(1)

    net = Small(step)
    inside = net.forward
    net.forward = lambda x: inside(x)  # a closure, which reaches past a twin
    with pytest.raises(ModelError, match=r"another thread trains it.*copy.deepcopy"):
        find_head(net, BATCH)
    assert net.training and net.body[1].num_batches_tracked == 0


def test_random_numbers_that_another_thread_draws_meanwhile_are_not_drawn_again():
    net = Small(lambda: torch.rand(3))
    torch.manual_seed(5)
    torch.rand(3)
    after_one = torch.random.get_rng_state()
    torch.manual_seed(5)
    look_at_pass(net, BATCH, lambda seen: None)
    assert torch.equal(torch.random.get_rng_state(), after_one)


DRAWS = {
    "rand": lambda x: x + torch.rand(1),
    "randn_like": lambda x: x + torch.randn_like(x),
    "dropout": lambda x: nn.functional.dropout(x, 0.5),
    "functional dropout of maps": lambda x: nn.functional.dropout2d(x, 0.5, True),
    "bernoulli": lambda x: x * torch.empty(1).bernoulli_(0.5),
    "initialised": lambda x: x + nn.init.normal_(torch.empty(1)),
    "permuted": lambda x: x[:, :, torch.randperm(x.shape[2])],
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize("closure", [False, True])
def test_the_random_state_is_put_back_whatever_draws_from_it(draw, closure):
    net = nn.Sequential(nn.Conv2d(3, 4, 3))
    inside = net.forward
    net.forward = (lambda x: inside(draw(x))) if closure else (lambda x: draw(x))
    before = torch.random.get_rng_state()
    look_at_pass(net, BATCH, lambda seen: None)
    assert torch.equal(torch.random.get_rng_state(), before)


class Writes(Small):
    """Changes its own weight at every pass."""

    def __init__(self, how):
        super().__init__()
        self.how = how

    def forward(self, x):
        with torch.no_grad():
            self.how(self.read)
        return super().forward(x)


def assigned(read):
    read.weight.data = read.weight.data / 2


WRITES = {
    "normalised in place": lambda read: read.weight.div_(read.weight.norm()),
    "multiplied": lambda read: read.weight.__imul__(0.5),
    "clamped behind its back": lambda read: read.weight.data.clamp_(-0.1, 0.1),
    "a row of it": lambda read: read.weight[0].zero_(),
    "set by index": lambda read: read.weight.__setitem__(0, 0),
    "new numbers": assigned,
}


@pytest.mark.parametrize("how", WRITES.values(), ids=WRITES)
def test_a_network_that_writes_to_its_parameters_does_so_to_a_copy(how):
    net = Writes(how)
    before, written = net.read.weight.detach().clone(), copy.deepcopy(net)
    head = find_head(net, BATCH)
    assert torch.equal(net.read.weight, before)
    torch.testing.assert_close(head.logits, written.eval()(BATCH)[0].detach())
    torch.testing.assert_close(head.weight, written.read.weight.detach())


def test_a_pass_that_fails_tells_the_first_words_and_the_shape():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(7, 2))
    with pytest.raises(InputError, match=r"failed on an input of \(1, 3, 24, 24\) \(RuntimeError: mat1"):
        look_at_pass(net, BATCH, lambda seen: None)


def test_a_network_of_four_channels_is_told_apart_from_one_of_another_size():
    with pytest.raises(ModelError, match=r"4 channels.*a picture has 3 channels, or 1 of grey"):
        look_at_pass(nn.Conv2d(4, 4, 3), BATCH, lambda seen: None)


def test_a_network_that_leaves_the_program_is_one_that_fails():
    def leave(*_):
        raise SystemExit(3)

    net = nn.Sequential(nn.Conv2d(3, 4, 3))
    net.register_forward_pre_hook(leave)
    with pytest.raises(ModelError, match="SystemExit: 3"):
        look_at_pass(net, BATCH, lambda seen: None)


@pytest.mark.parametrize("forward", [lambda x, mask: x, lambda *, pixel_values: pixel_values])
def test_a_network_that_wants_other_arguments_is_told_so_and_nothing_of_sizes(forward):
    net = Small()
    net.forward = forward
    with pytest.raises(ModelError, match=r"argument.*nothing else: wrap it") as refused:
        find_head(net, BATCH)
    assert not isinstance(refused.value, InputError)


def test_layers_in_a_plain_list_are_the_reason_that_is_told():
    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = [Small().eval()]

        def forward(self, x):
            return self.parts[0](x)

    with pytest.raises(
        ModelError, match=r"none of its modules \(in a plain list or object\? use nn.ModuleList"
    ):
        find_head(Listed(), BATCH)


def test_buffers_of_another_dtype_are_named_with_the_remedy():
    net = Small()
    net.body[1].running_mean = net.body[1].running_mean.half()
    with pytest.raises(ModelError, match=r"torch.float16 and torch.float32: pass module.float\(\)"):
        find_head(net, BATCH)
    assert find_head(net.float(), BATCH).layer == "read"


def test_a_network_that_insists_on_its_own_autocast_is_told_of_that():
    net = Small()

    def forward(x):
        with torch.autocast("cpu", torch.bfloat16):
            maps = net.body(x)
            assert maps.dtype == torch.bfloat16, "expected bfloat16"
            return net.read(maps.mean((2, 3)))

    net.forward = forward
    with pytest.raises(ModelError, match="switches autocast on"):
        find_head(net, BATCH)


def hooked(maps):
    maps.register_hook(lambda gradient: None)
    return maps


def differentiated(maps):
    return maps + 0 * torch.autograd.grad(maps.sum(), maps)[0]


@pytest.mark.parametrize("asks", [hooked, torch.Tensor.retain_grad, differentiated])
def test_a_network_that_hooks_the_gradient_of_its_maps_is_read_and_gets_none(asks):
    net = Small().eval()

    def forward(x):
        maps = net.body(x)
        return net.read((maps if asks(maps) is None else asks(maps)).mean((2, 3)))

    with torch.no_grad():
        logits = net(BATCH)[0]
    net.forward = forward
    head = find_head(net, BATCH)
    torch.testing.assert_close(head.weight @ head.maps.mean((1, 2)) + head.bias, logits)
    tensors = (head.maps, head.weight, head.bias, head.logits)
    assert not any(tensor.requires_grad for tensor in tensors)
    assert all(parameter.grad is None for parameter in net.parameters())

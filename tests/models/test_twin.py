"""A twin has the network's weights, and everything else of its own."""

import functools
from collections import defaultdict, deque

import pytest
import torch
from torch import nn

from unitdrop.models.twin import twin_of, unwrapped, versions


class Tangle(nn.Module):
    """Reaches its layers in every way that Python has."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)
        self.again = self.first  # one layer under two names
        self.listed, self.table = [self.first, (self.norm,)], {"norm": self.norm}
        self.bound, self.later = self.first.forward, functools.partial(self.norm, input=None)
        self.seen, self.plain = [], torch.zeros(2)
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x):
        self.seen.append(len(x))
        self.last = x
        self.plain += 1
        self.count += 1
        x = self.bound(self.listed[0](x))
        return self.table["norm"](self.listed[1][0](x))


def test_whatever_runs_on_a_twin_leaves_the_network_alone():
    net = Tangle().train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    twin = twin_of(net)
    twin(torch.randn(5, 4)).sum().backward()
    assert net.training and net.norm.training and not any(part.training for part in twin.modules())
    assert net.seen == [] and not hasattr(net, "last") and net.plain.tolist() == [0, 0]
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert net.first.weight.grad is None and twin.first.weight.grad is not None
    assert not set(map(id, net.modules())) & set(map(id, twin.modules()))


class Diary(nn.Module):
    """Keeps books in containers, and draws from a generator of its own."""

    def __init__(self):
        super().__init__()
        self.last, self.seen, self.often = deque(maxlen=3), set(), defaultdict(int)
        self.generator = torch.Generator()

    def forward(self, x):
        self.last.append(1)
        self.seen.add(1)
        self.often["forward"] += 1
        return x + torch.rand((), generator=self.generator)


def test_books_and_generators_of_the_network_stay_as_they_are():
    net = Diary()
    state = net.generator.get_state()
    drawn = [twin_of(net)(torch.zeros(1)) for _ in range(2)]
    assert (len(net.last), net.seen, dict(net.often)) == (0, set(), {})
    assert torch.equal(net.generator.get_state(), state) and drawn[0] == drawn[1]


def test_a_twin_shares_the_numbers_of_the_parameters_and_what_is_tied_stays_tied():
    net = Tangle()
    twin, copy = twin_of(net), twin_of(net, copies=True)
    assert twin.again is twin.first and twin.later.func is twin.norm
    assert twin.first.weight.data_ptr() == net.first.weight.data_ptr() != copy.first.weight.data_ptr()
    with torch.no_grad():
        net.first.weight.fill_(7)
    assert twin.first.weight[0, 0] == 7 != copy.first.weight[0, 0]


def test_hooks_of_the_network_work_on_the_twin_and_those_of_the_twin_do_not_reach_the_network():
    net, calls = Tangle(), []
    net.first.register_forward_hook(lambda *_: calls.append("network's"))
    twin = twin_of(net)
    twin.first.register_forward_hook(lambda *_: calls.append("twin's"))
    twin.first(torch.zeros(1, 4))
    net.first(torch.zeros(1, 4))
    assert calls == ["network's", "twin's", "network's"]


@pytest.mark.parametrize("shell", [nn.DataParallel, functools.partial(torch.compile, backend="eager")])
def test_shells_are_taken_off_outside_and_inside(shell):
    net = Tangle()
    prefix, network = unwrapped(shell(nn.DataParallel(net)))
    assert network is net and prefix.count(".") == 2
    assert type(twin_of(nn.Sequential(shell(net)))[0]) is Tangle


def test_every_write_to_a_parameter_is_counted():
    net = Tangle()
    before = versions(net)
    net(torch.randn(3, 4))
    assert versions(net) == before
    torch.optim.SGD(net.parameters(), 0.1).step()
    assert versions(net) == before  # without gradients nothing is written
    net(torch.randn(3, 4)).sum().backward()
    torch.optim.SGD(net.parameters(), 0.1).step()
    assert versions(net) != before

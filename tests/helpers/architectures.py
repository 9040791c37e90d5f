"""Small networks of every layout that people write, put together from parts by a seed."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

POOLS = {
    "adaptive": lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1),
    "mean": lambda x: x.mean((2, 3)),
    "mean twice": lambda x: x.mean(3).mean(2),
    "flat": lambda x: x.flatten(2).mean(-1),
    "window": lambda x: F.avg_pool2d(x, x.shape[-2:]).flatten(1),
    "sum over area": lambda x: x.sum((2, 3)) / (x.shape[2] * x.shape[3]),
    "channels last": lambda x: x.permute(0, 2, 3, 1).mean((1, 2)),
    "then dropout": lambda x: F.dropout(x.mean((2, 3)), 0.5, training=False),
}


class Lora(nn.Module):
    """A linear layer with an adapter beside it."""

    def __init__(self, base):
        super().__init__()
        self.base, self.in_features, self.out_features = base, base.in_features, base.out_features
        self.down, self.up = nn.Linear(base.in_features, 2, False), nn.Linear(2, base.out_features, False)

    def forward(self, x):
        return self.base(x) + 0.5 * self.up(self.down(x))


class Int8(nn.Module):
    """A linear layer with its weight in 8 bits, read without rounding its input."""

    def __init__(self, base):
        super().__init__()
        self.in_features, self.bias = base.in_features, base.bias
        scale = base.weight.detach().abs().max() / 127
        self.register_buffer("numbers", (base.weight.detach() / scale).round().to(torch.int8))
        self.register_buffer("scale", scale)

    def forward(self, x):
        y = x @ self.numbers.to(x.dtype).t() * self.scale.to(x.dtype)
        return y if self.bias is None else y + self.bias


class Pair(nn.Linear):
    """A linear layer that returns a tuple."""

    def forward(self, x):
        return super().forward(x), None


class Normalised(nn.Linear):
    """A linear layer whose weight is computed at every pass."""

    def forward(self, x):
        return F.linear(x, F.normalize(self.weight), self.bias)


class Functional(nn.Module):
    """A linear layer without a module of that name."""

    def __init__(self, base):
        super().__init__()
        self.rows, self.offset = base.weight, base.bias

    def forward(self, x):
        return F.linear(x, self.rows, self.offset)


def _as_pair(base):
    pair = Pair(base.in_features, base.out_features, base.bias is not None)
    pair.load_state_dict(base.state_dict())
    return pair


def _as_convolution(base):
    layer = nn.Conv2d(base.in_features, base.out_features, 1, bias=base.bias is not None)
    layer.load_state_dict({k: v[..., None, None] if v.ndim > 1 else v for k, v in base.state_dict().items()})
    return layer


HEADS = {
    "linear": lambda base: base,
    "after dropout": lambda base: nn.Sequential(nn.Dropout(0.5), base),
    "adapter": Lora,
    "8 bits": Int8,
    "tuple": _as_pair,
    "functional": Functional,
    "computed": lambda base: Normalised(base.in_features, base.out_features, base.bias is not None),
    "weight norm": torch.nn.utils.parametrizations.weight_norm,
    "spectral norm": torch.nn.utils.parametrizations.spectral_norm,
    "pooled, convolution": _as_convolution,
    "convolution, pooled": _as_convolution,
}
KINDS = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16, "half": torch.half}
NORMS = {
    "batch": nn.BatchNorm2d,
    "group": lambda units: nn.GroupNorm(1, units),
    "none": lambda units: nn.Identity(),
}
ACTIVATIONS = {"ReLU": nn.ReLU, "in place": lambda: nn.ReLU(inplace=True), "SiLU": nn.SiLU, "GELU": nn.GELU}
SHELLS = {
    "bare": lambda net: net,
    "parallel": nn.DataParallel,
    "compiled": functools.partial(torch.compile, backend="eager"),
    "in a list": lambda net: nn.Sequential(nn.Identity(), net),
}
CASTS = ("none", "whole", "head", "body", "autocast", "autocast, float", "autocast in the body")


@dataclass(frozen=True)
class Layout:
    """What a network is put together from; each word is a key of the tables above."""

    seed: int
    channels: int
    units: int
    classes: int
    bias: bool
    norm: str
    activation: str
    pool: str
    head: str
    kind: str
    cast: str
    shell: str
    training: bool

    @property
    def is_coarse(self) -> bool:
        """Whether numbers of half precision come about on the way, unless autocast is left off."""
        return self.cast != "none" and self.kind in ("bfloat16", "half")


class Built(nn.Module):
    """The network of a layout."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layout, units = layout, layout.units
        with torch.random.fork_rng():
            torch.manual_seed(layout.seed)
            self.body = nn.Sequential(
                nn.Conv2d(layout.channels, 5, 3, 2, 1),
                NORMS[layout.norm](5),
                nn.ReLU(),
                nn.Conv2d(5, units, 3, 2),
                NORMS[layout.norm](units),
                ACTIVATIONS[layout.activation](),
            )
            self.head = HEADS[layout.head](nn.Linear(units, layout.classes, layout.bias))
        self.train(layout.training)
        kind, cast = KINDS[layout.kind], layout.cast
        for part in {"whole": [self], "head": [self.head], "body": [self.body]}.get(cast, []):
            part.to(kind)

    def forward(self, x):
        layout, kind = self.layout, KINDS[self.layout.kind]
        mixed = functools.partial(torch.autocast, "cpu", torch.bfloat16)
        with mixed(enabled=layout.cast.startswith("autocast")):
            x = self.body(x.to(kind) if layout.cast == "body" else x)
        x = {"head": x.to(kind), "body": x.float(), "autocast in the body": x.float()}.get(layout.cast, x)
        with mixed(enabled=layout.cast in ("autocast", "autocast, float")):
            y = self._logits(x)
        return y.float() if layout.cast == "autocast, float" else y

    def _logits(self, x):
        if self.layout.head == "convolution, pooled":
            return POOLS[self.layout.pool](self.head(x))
        pooled = POOLS[self.layout.pool](x)
        if self.layout.head == "pooled, convolution":
            return self.head(pooled[:, :, None, None]).flatten(1)
        y = self.head(pooled)
        return y[0] if isinstance(y, tuple) else y


def logits_without(built: Built, x: torch.Tensor, dropped: list[int]) -> torch.Tensor:
    """The logits of a real pass of a copy in eval mode with some of the body's channels zeroed, (C,)."""
    net = copy.deepcopy(built).eval()

    def silence(_, args, maps):
        maps = maps.clone()
        maps[:, dropped] = 0
        return maps

    net.body.register_forward_hook(silence)
    with torch.no_grad():
        kind = KINDS[built.layout.kind] if built.layout.cast == "whole" else torch.float32
        return net(x.to(kind))[0].double()

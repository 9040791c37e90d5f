"""Good checkpoints of every kind are read bit by bit; hostile ones are refused, fast and in little memory."""

import io
import itertools
import re
import struct
import tempfile
import threading
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from helpers import checkpoints
from helpers.checkpoints import (
    LIKE,
    legacy,
    measured,
    mutants,
    parts,
    pickled,
    saved,
    saved_legacy,
    state,
    zipped,
)
from safetensors.torch import save as save_safetensors
from torch import nn

from unitdrop.checkpoints import read as checkpoint
from unitdrop.checkpoints.read import load_checkpoint, read_checkpoint
from unitdrop.checkpoints.zips import read_entries
from unitdrop.errors import CheckpointError

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SECONDS, MEGABYTES = 2, 200  # what a hostile file may take at most


@pytest.fixture
def read(tmp_path):
    """Read what a file of these bytes holds."""

    def read(content, like=LIKE, **options):
        path = tmp_path / "file"
        path.write_bytes(content)
        return read_checkpoint(path, like, **options)

    return read


def same(read, expected):
    """Whether these are the very same numbers, fresh and contiguous."""
    return all(
        tensor.dtype == expected[name].dtype
        and tensor.shape == expected[name].shape
        and tensor.contiguous().view(torch.uint8).equal(expected[name].contiguous().view(torch.uint8))
        if tensor.ndim
        else tensor.equal(expected[name])
        for name, tensor in read.items()
    ) and list(read) == list(expected)


def resaved(**changes):
    return state() | changes


def prefixed(*prefixes):
    return OrderedDict(("".join(prefixes) + name, tensor) for name, tensor in state().items())


def with_optimizer():
    """A training script's own checkpoint: an optimizer, numpy scalars, settings, random state."""
    net = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(net.parameters(), lr=np.float64(0.1))
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return {
        "epoch": 90,
        "arch": "resnet18",
        "state_dict": state(),
        "best": [np.float64(91.5), np.float32(1), np.int64(3), np.bool_(True), np.float16(2), np.uint8(7)],
        "optimizer": optimizer.state_dict(),
        "config": {"lr": [0.1, 0.01], "size": torch.Size([2, 3]), "device": torch.device("cuda", 1)},
        "big": 1 << 90,
        "dtype": torch.float16,
        "names": {"a", "b"},
        "raw": b"\x00\xff",
        "random": torch.get_rng_state(),
    }


def trained():
    """A module's own state dict, which carries `_metadata`."""
    module = nn.Module()
    module.fc, module.bn = nn.Linear(3, 2), nn.BatchNorm1d(4)
    full = module.state_dict()
    for name in ("bn.weight", "bn.bias", "bn.running_mean"):
        del full[name]
    for name, tensor in state().items():
        full[name].copy_(tensor)
    return full


def in_one_storage():
    """All floats as views into one larger storage, at odd places."""
    made, shared, start = state(), torch.rand(100), 3
    for name, tensor in made.items():
        if tensor.is_floating_point():
            view = shared[start : start + tensor.numel()].view(tensor.shape)
            made[name], start = view.copy_(tensor), start + 11
    return made


def no_sums():
    """As torch writes it when it is told to leave the check sums out."""
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        return saved(state())
    finally:
        torch.serialization.set_crc32_options(before)


def python2_training():
    floats = {name: tensor for name, tensor in prefixed("module.").items() if tensor.is_floating_point()}
    beside = {"epoch": 90, "arch": "resnet18", "best_prec1": np.float64(69.5), "remark": "x" * 300}
    return checkpoints.python2({**beside, "state_dict": OrderedDict(floats)})


def parameters():
    return {n: nn.Parameter(t, requires_grad=t.is_floating_point()) for n, t in state().items()}


def by_hand_1_6():
    """As torch 1.6 named its storages: by their addresses, without the small records of today."""
    changes = {
        "fc.weight": checkpoints.tensor("94529121873984", (2, 3), place="cuda:0"),
        "fc.bias": checkpoints.tensor("94529121873985", (2,), place="cuda:1"),
    }
    data = checkpoints.DATA
    return zipped(
        pickled(parts(**changes)),
        {"94529121873984": data["0"], "94529121873985": data["1"]} | data,
        top="net",
    )


ONES = {name: torch.ones_like(tensor) for name, tensor in LIKE.items()}
GOOD = {
    "zip": lambda: saved(state()),
    "zip with metadata": lambda: saved(trained()),
    "zip without check sums": no_sums,
    "zip of a module on the GPU, torch 1.6": by_hand_1_6,
    "legacy": lambda: saved_legacy(state()),
    "legacy with metadata": lambda: saved_legacy({"epoch": 1, "state_dict": trained()}),
    "legacy by hand": lambda: legacy(pickled(parts((None,)))),
    "legacy that is a tar too": checkpoints.tar_too,
    "Python 2": python2_training,
    "Python 2, state dict alone": lambda: checkpoints.python2(
        OrderedDict((name, tensor) for name, tensor in state().items() if tensor.is_floating_point())
    ),
    "module.": lambda: saved(prefixed("module.")),
    "module. of a compiled model": lambda: saved({"model": prefixed("module.", "_orig_mod.", "model.")}),
    "training state beside": lambda: saved(with_optimizer()),
    "training state beside, legacy": lambda: saved_legacy(with_optimizer()),
    "model_state_dict": lambda: saved({"model_state_dict": state(), "loss": 0.5, "epoch": None}),
    "net": lambda: saved({"net": state(), "acc": 95.1}),
    "nested": lambda: saved({"model": {"state_dict": state()}}),
    "parameters": lambda: saved(parameters()),
    "parameters, legacy": lambda: saved_legacy(parameters()),
    "safetensors": lambda: save_safetensors(dict(state()), metadata={"format": "pt"}),
    "safetensors with module.": lambda: save_safetensors(dict(prefixed("module."))),
    "transposed": lambda: saved(resaved(**{"fc.weight": state()["fc.weight"].T.contiguous().T})),
    "views into one storage": lambda: saved(in_one_storage()),
    "views into one storage, legacy": lambda: saved_legacy(in_one_storage()),
    "slices with gaps": lambda: saved(
        resaved(**{"fc.weight": torch.cat([state()["fc.weight"], torch.ones(2, 4)], 1)[:, :3]})
    ),
    "empty tensors beside": lambda: saved(
        {"state_dict": state(), "none": [torch.empty(0), torch.empty(0, 3)]}
    ),
}


@pytest.mark.parametrize("kind", GOOD)
def test_good_files_are_read_bit_by_bit(kind, read):
    expected = ONES if "hand" in kind or "1.6" in kind or "tar" in kind else state()
    if kind.startswith("Python 2"):
        expected = expected | {"bn.num_batches_tracked": torch.tensor(0)}
    found = read(GOOD[kind]())
    assert same(found, expected)
    assert all(type(tensor) is torch.Tensor and not tensor.requires_grad for tensor in found.values())


def test_every_dtype_is_read_where_it_is_wanted(read):
    kinds = "float16 bfloat16 float32 float64 int8 uint8 int16 int32 int64 bool complex64 complex128".split()
    made = {kind: torch.arange(6).reshape(2, 3).to(getattr(torch, kind)) for kind in kinds}
    plain = {kind: tensor for kind, tensor in made.items() if "complex" not in kind}
    assert same(read(saved(made), made), made)
    assert same(read(saved_legacy(made), made), made)
    assert same(read(save_safetensors(plain), plain), plain)


def test_channels_last_and_tied_weights_come_back_contiguous_and_apart(read):
    weight = torch.rand(4, 3, 2, 2).to(memory_format=torch.channels_last)
    made = {"one": weight, "other": weight}
    found = read(saved(made), made)
    assert same(found, made) and all(tensor.is_contiguous() for tensor in found.values())
    found["one"].zero_()
    assert found["other"].equal(weight)


def test_a_copy_does_not_keep_the_rest_of_its_storage(read):
    found = read(saved(resaved(**{"fc.bias": torch.rand(10_000)[5:7]})))
    assert found["fc.bias"].untyped_storage().nbytes() == 8


@pytest.mark.parametrize("write", [saved, saved_legacy, lambda made: save_safetensors(dict(made))])
def test_a_resnet18_is_read_bit_by_bit(write, read):
    net = torchvision.models.resnet18()
    made = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    content = write(made)
    with torch.device("meta"):
        like = torchvision.models.resnet18().state_dict()
    assert same(read(content, like), made)


@pytest.mark.parametrize(("file", "blocks"), [("resnet20-12fca82f.th", 3), ("resnet56-4bfd9763.th", 9)])
def test_published_cifar_networks_are_read(file, blocks):
    path = DATA / "cifar10" / file
    if not path.is_file():
        pytest.skip(f"needs {file} of Idelbayev's pytorch_resnet_cifar10 in ../shared/data/cifar10")
    like = cifar_like(blocks)
    found = read_checkpoint(path, like, head="linear")
    assert same(found, torch_read(path, found))
    assert found["linear.weight"].shape == (10, 64) and list(found) == list(like)


def cifar_like(blocks):
    """The names and shapes of a CIFAR ResNet of He et al. 2016, its shortcuts without weights."""
    like = {}

    def layer(number, into, out):
        like[f"{number}.weight"] = torch.empty(out, into, 3, 3, device="meta")

    def norm(number, out):
        for part in ("weight", "bias", "running_mean", "running_var"):
            like[f"{number}.{part}"] = torch.empty(out, device="meta")
        like[f"{number}.num_batches_tracked"] = torch.empty((), dtype=torch.int64, device="meta")

    layer("conv1", 3, 16)
    norm("bn1", 16)
    width = 16
    for stage, block in itertools.product((1, 2, 3), range(blocks)):
        for part in (1, 2):
            layer(f"layer{stage}.{block}.conv{part}", width, width := 8 << stage)
            norm(f"layer{stage}.{block}.bn{part}", width)
    like["linear.weight"], like["linear.bias"] = torch.empty(1, 64), torch.empty(1)
    return like


def torch_read(path, names):
    """The same file by torch alone."""
    with warnings.catch_warnings(action="ignore"):
        given = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    zero = torch.tensor(0)
    return {name: given.get(f"module.{name}", zero) for name in names}


def test_the_class_count_is_read_from_the_file(read):
    many = resaved(**{"fc.weight": torch.ones(7, 3), "fc.bias": torch.ones(7)})
    for write in (saved, saved_legacy, lambda made: save_safetensors(dict(made))):
        assert read(write(many), head="fc")["fc.weight"].shape == (7, 3)
        with pytest.raises(CheckpointError, match=r"fc.weight has shape \(7, 3\), expected \(2, 3\)"):
            read(write(many))


@pytest.mark.parametrize(
    ("weight", "bias", "message"),
    [
        ((7, 3), (6,), "7 rows of weights but 6 biases"),
        ((7, 4), (7,), r"expected \(7, 3\)"),
        ((0, 3), (0,), r"expected \(1, 3\)"),
        ((7, 3), (), r"expected \(1,\)"),
    ],
)
def test_a_head_must_fit_in_all_but_its_class_count(weight, bias, message, read):
    made = resaved(**{"fc.weight": torch.ones(weight), "fc.bias": torch.ones(bias)})
    with pytest.raises(CheckpointError, match=message):
        read(saved(made), head="fc")


def test_names_are_renamed_after_prefixes_are_taken_off(read):
    old = {f"module.{name}".replace("fc.", "classifier."): tensor for name, tensor in state().items()}
    assert same(read(saved(old), rename=lambda name: name.replace("classifier.", "fc.")), state())
    with pytest.raises(CheckpointError, match="check rename"):
        read(saved(old), rename=lambda name: "fc.weight")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read(saved(old), rename=lambda name: {}[name])


def test_a_prefix_that_is_wanted_stays(read):
    like = {f"model.{name}": tensor for name, tensor in LIKE.items()}
    assert list(read(saved(prefixed("model.")), like)) == list(like)
    assert list(read(saved(prefixed("module.", "model.")), like)) == list(like)


def test_the_callers_own_mistakes_are_not_blamed_on_the_file(read):
    with pytest.raises(TypeError, match="like: expected"):
        read(saved(state()), nn.Linear(1, 1))
    with pytest.raises(ValueError, match="head: like has no linear.weight"):
        read(saved(state()), head="linear")


def test_a_message_names_the_file_and_cuts_short_what_the_file_says(tmp_path):
    path = tmp_path / "net.pth"
    path.write_bytes(saved(resaved(**{"\x1b[31m" + "x" * 10_000: torch.ones(1)})))
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path, LIKE)
    message = str(caught.value)
    assert "net.pth" in message and len(message) < 400 and message.isprintable()


def test_a_link_to_a_file_and_any_suffix_will_do(tmp_path):
    (tmp_path / "file.safetensors").write_bytes(saved(state()))
    (tmp_path / "link").symlink_to(tmp_path / "file.safetensors")
    (tmp_path / "net.pth").write_bytes(save_safetensors(dict(state())))
    assert same(read_checkpoint(str(tmp_path / "link"), LIKE), state())
    assert same(read_checkpoint(tmp_path / "net.pth", LIKE), state())


@pytest.mark.parametrize("path", [None, 3, "", "nul\0byte", "x" * 5000, b"nowhere"])
def test_what_is_no_path_is_a_checkpoint_error(path):
    with pytest.raises(CheckpointError, match="no such file|cannot be opened|not a regular file"):
        read_checkpoint(path, LIKE)


def test_a_protected_file_is_named_as_such(tmp_path, monkeypatch):
    def denied(*_):
        raise PermissionError

    (tmp_path / "net.pth").write_bytes(saved(state()))
    monkeypatch.setattr(checkpoint.os, "open", denied)
    with pytest.raises(CheckpointError, match="may not be read; check its permissions"):
        read_checkpoint(tmp_path / "net.pth", LIKE)


# Loading into a module


def module():
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    return net, {name: tensor.clone() for name, tensor in net.state_dict().items()}


def test_a_module_gets_all_weights(tmp_path):
    (net, _), (_, other) = module(), module()
    torch.save({"state_dict": other}, tmp_path / "net.pth")
    assert load_checkpoint(net.eval(), tmp_path / "net.pth") is net
    assert same(net.state_dict(), other) and not net.training


def test_a_module_that_gets_an_error_or_an_interrupt_is_unchanged(tmp_path):
    net, before = module()
    other = {name: tensor + 1 for name, tensor in before.items()}
    torch.save(other | {"1.running_var": torch.tensor([1.0, -1])}, tmp_path / "bad.pth")
    with pytest.raises(CheckpointError, match="negative variances"):
        load_checkpoint(net, tmp_path / "bad.pth")
    assert same(net.state_dict(), before)
    torch.save(other, tmp_path / "good.pth")
    for error, expected in ((KeyError, CheckpointError), (KeyboardInterrupt, KeyboardInterrupt)):

        def fail(*_, error=error):
            raise error

        hook = net[1].register_load_state_dict_pre_hook(fail)  # runs when the convolution is filled already
        with pytest.raises(expected):
            load_checkpoint(net, tmp_path / "good.pth")
        assert same(net.state_dict(), before)
        hook.remove()
    assert same(load_checkpoint(net, tmp_path / "good.pth").state_dict(), other)


def test_a_module_on_the_meta_device_is_refused_with_a_remedy(tmp_path):
    with torch.device("meta"):
        net = nn.Linear(2, 3)
    with pytest.raises(CheckpointError, match="to_empty"):
        load_checkpoint(net, tmp_path / "net.pth")


# What reading leaves as it was


def test_an_interrupt_passes_through(read, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "load", interrupt)
    with pytest.raises(KeyboardInterrupt):
        read(saved(state()))


@pytest.mark.parametrize(
    "error", [RuntimeError("weights_only=False"), MemoryError(), RecursionError(), struct.error()]
)
def test_whatever_torch_raises_becomes_a_checkpoint_error_without_its_advice(error, read, monkeypatch):
    def fail(*_, **options):
        assert options["weights_only"] is True
        raise error

    monkeypatch.setattr(torch, "load", fail)
    with pytest.raises(CheckpointError, match=type(error).__name__) as caught:
        read(saved(state()))
    assert caught.value.__cause__ is error and "weights_only" not in str(caught.value)


def test_nothing_is_warned_of_and_torchs_settings_stay(read):
    torch.serialization.add_safe_globals([np.dtype])
    try:
        before = set(torch.serialization.get_safe_globals())
        with warnings.catch_warnings(action="error"):
            read(saved(with_optimizer()))
            read(saved_legacy(with_optimizer()))
        assert set(torch.serialization.get_safe_globals()) == before
    finally:
        torch.serialization.clear_safe_globals()


def test_several_threads_may_read_at_once(tmp_path):
    (tmp_path / "net.pth").write_bytes(saved(with_optimizer()))
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(read_checkpoint(tmp_path / "net.pth", LIKE)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and all(same(one, state()) for one in found)


# Hostile and damaged files


def test_hostile_files_are_refused_fast_and_small(tmp_path):
    files = checkpoints.hostile()
    places = {name: tmp_path / str(number) for number, name in enumerate(files)}
    for name, (content, _) in files.items():
        checkpoints.write(places[name], content)
    (tmp_path / "good").write_bytes(saved(state()))
    good, *outcomes = measured([("good", tmp_path / "good"), *places.items()])
    assert good.kind == "", "what measures them finds fault with a good file too"
    report(outcomes, places)
    assert [outcome.name for outcome in outcomes] == list(files) and len(files) >= 40
    for outcome in outcomes:
        assert outcome.kind == "CheckpointError", outcome
        assert re.search(files[outcome.name][1], outcome.message), outcome
        assert outcome.message.isprintable() and len(outcome.message) < 600, outcome
        assert outcome.ms < SECONDS * 1e3 and max(outcome.mb, outcome.virtual) < MEGABYTES, outcome


def report(outcomes, places):
    """A table for pytest -s."""
    print(f"\n{'file':40} {'bytes':>12} {'ms':>6} {'MB':>6} {'asked':>6}  message")
    for name, ms, mb, virtual, _, message in outcomes:
        size = places[name].lstat().st_size if places[name].exists() else 0
        said = message.partition(": ")[2]
        print(f"{name[:40]:40} {size:12} {ms:6.0f} {mb:6.1f} {virtual:6.1f}  {said[:110]}")
    slowest, largest = max(outcome.ms for outcome in outcomes), max(outcome.mb for outcome in outcomes)
    print(f"{len(outcomes)} hostile files refused; at most {slowest:.0f} ms and {largest:.0f} MB each")


def check_mutants(first, count):
    seen, read, slowest, grown, complaints = mutants(first, count)
    counts = f"torch saw {seen}, {read} were read"
    print(f"\n{count} mutants: {counts}, the slowest in {slowest:.0f} ms, {grown:.0f} MB more memory")
    assert not complaints, complaints[:10]
    assert slowest < SECONDS * 1e3 and grown < MEGABYTES


def test_500_mutants_raise_nothing_but_checkpoint_errors():
    check_mutants(10_000, 500)


@pytest.mark.slow
def test_10000_mutants_raise_nothing_but_checkpoint_errors():
    check_mutants(0, 10_000)


def test_python_sees_the_same_zip_as_this_module_does():
    """The layout that is read here agrees with Python's own reader on an honest file."""
    content = saved(with_optimizer())
    entries = read_entries(io.BytesIO(content), len(content), 1_000)
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        for info in file.infolist():
            entry = entries[info.filename.partition("/")[2].lower()]
            assert content[entry.start : entry.start + entry.size] == file.read(info)
        assert len(entries) == len(file.infolist())


def test_a_huge_file_is_never_read_whole():
    """Sparse files of 20 GB are refused by their size, before anything is looked at."""
    with tempfile.TemporaryFile() as file:
        file.truncate(20 << 30)
        path = f"/proc/self/fd/{file.fileno()}"
        if not Path(path).exists():
            pytest.skip("needs /proc")
        with pytest.raises(CheckpointError, match="64 MiB"):
            read_checkpoint(path, LIKE)

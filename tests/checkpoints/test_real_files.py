"""Files that frameworks write after a step of training, read back: the network answers as theirs does."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from unitdrop.models import load_model
from unitdrop.notices import listening

ROOT = Path(__file__).resolve().parents[2]
BATCH = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1])


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def step(net, optimizer, times=2):
    """Train for a step or two."""
    for _ in range(times):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(BATCH[0]), BATCH[1]).backward()
        optimizer.step()


def agrees(file, net, *, weights=None, bare=resnet18):
    """Whether what is read from a file answers as `net` does; and what was said."""
    with listening((heard := []).append):
        model = load_model("resnet18", checkpoint=file, weights=weights)
    pixels = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    readout = model(pixels)
    with torch.no_grad():
        theirs = net.eval()(model.prepare(pixels))[0].numpy()
    ours = readout.weight @ readout.pooled + readout.bias
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * (1 + abs(theirs).max()))
    return heard


@pytest.mark.parametrize("with_args", [True, False])
def test_a_file_of_timms_checkpoint_saver(with_args, tmp_path):
    from timm.utils import CheckpointSaver, ModelEmaV2

    net = resnet18(num_classes=5)
    optimizer, ema = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), ModelEmaV2(net, decay=0.5)
    step(net, optimizer)
    ema.update(net)
    args = argparse.Namespace(model="resnet18", lr=0.1, data_dir=Path("data")) if with_args else None
    folders = {"checkpoint_dir": str(tmp_path), "recovery_dir": str(tmp_path)}
    CheckpointSaver(net, optimizer, args=args, model_ema=ema, **folders).save_checkpoint(1, 0.5)
    assert any("--weights state_dict_ema" in text for text in agrees(tmp_path / "last.pth.tar", net))
    agrees(tmp_path / "last.pth.tar", ema.module, weights="state_dict_ema")


def test_a_file_of_the_layout_of_torchvisions_reference_script(tmp_path):
    net = resnet18(num_classes=5)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    decayed = torch.optim.swa_utils.get_ema_multi_avg_fn(0.5)
    ema = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=decayed, use_buffers=True)
    warm = torch.optim.lr_scheduler.LinearLR(optimizer, total_iters=1)
    steps = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 3])
    scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, steps], [1])
    step(net, optimizer)
    ema.update_parameters(net)
    step(net, optimizer)
    ema.update_parameters(net)
    scheduler.step()
    made = {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 0}
    made |= {"lr_scheduler": scheduler.state_dict(), "args": argparse.Namespace(model="resnet18", epochs=1)}
    torch.save(made, tmp_path / "plain.pth")
    assert agrees(tmp_path / "plain.pth", net) == []
    torch.save({**made, "model_ema": ema.state_dict()}, tmp_path / "ema.pth")
    assert any("--weights model_ema" in text for text in agrees(tmp_path / "ema.pth", net))
    agrees(tmp_path / "ema.pth", ema.module, weights="model_ema")
    torch.save(ema.state_dict(), tmp_path / "alone.pth")
    assert any("left out: 'n_averaged'" in text for text in agrees(tmp_path / "alone.pth", ema.module))


def test_a_file_of_a_distributed_and_compiled_network(tmp_path):
    address = f"file://{tmp_path}/meeting"
    torch.distributed.init_process_group("gloo", init_method=address, rank=0, world_size=1)
    try:
        net = resnet18(num_classes=5)
        wrapped = torch.compile(nn.parallel.DistributedDataParallel(net), backend="eager")
        optimizer = torch.optim.Adam(wrapped.parameters())
        step(wrapped, optimizer)
        torch.save({"net": wrapped.state_dict(), "opt": optimizer.state_dict()}, tmp_path / "net.pth")
        torch.save(wrapped.state_dict(), tmp_path / "alone.pth")
    finally:
        torch.distributed.destroy_process_group()
    assert all(name.startswith("_orig_mod.module.") for name in wrapped.state_dict())
    for name in ("net.pth", "alone.pth"):
        assert agrees(tmp_path / name, net) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attribute", "weighted", "head"),
    [("model", False, 1), ("net", True, 1), ("backbone", True, 2), ("student", False, 2)],
)
def test_a_file_of_lightning(attribute, weighted, head, tmp_path):
    lightning = pytest.importorskip("lightning.pytorch", reason="needs lightning, which is not installed")
    net = resnet18(num_classes=5)
    if head == 2:
        net.fc = nn.Sequential(nn.Dropout(), net.fc)

    class Lit(lightning.LightningModule):
        def __init__(self, lr=0.1, folder=tmp_path, options=argparse.Namespace(a=1)):  # noqa: B008
            super().__init__()
            self.save_hyperparameters()
            setattr(self, attribute, net)
            self.criterion = nn.CrossEntropyLoss(weight=torch.ones(5) if weighted else None)

        def training_step(self, batch, _):
            return self.criterion(getattr(self, attribute)(batch[0]), batch[1])

        def configure_optimizers(self):
            optimizer = torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9)
            return [optimizer], [torch.optim.lr_scheduler.MultiStepLR(optimizer, [1])]

    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*BATCH), batch_size=2)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", default_root_dir=tmp_path, **quiet)
    trainer.fit(Lit(), data)
    trainer.save_checkpoint(tmp_path / "net.ckpt")
    heard = " ".join(agrees(tmp_path / "net.ckpt", net))
    assert ("criterion.weight" in heard) == weighted and ("'fc.1'" in heard) == (head == 2)


def test_the_command_line_says_what_it_left_out_and_takes_a_key(tmp_path):
    net, other = resnet18(num_classes=5), resnet18(num_classes=5)
    made = {f"net.{name}": tensor for name, tensor in net.state_dict().items()}
    made |= {f"net_ema.{name}": tensor for name, tensor in other.state_dict().items()}
    torch.save({"state_dict": made | {"loss.weight": torch.ones(5)}}, tmp_path / "net.pth")
    picture = min((ROOT / "notebooks" / "images").glob("*.png"))
    command = [sys.executable, "-m", "unitdrop", "sweep", picture, "--model", "resnet18", "--json"]
    for more, told in (((), "'state_dict.net_ema' would fit too"), (("--weights", "net_ema"), "loss.weight")):
        done = subprocess.run(
            [*command, "--checkpoint", tmp_path / "net.pth", *more],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 and told in done.stderr and done.stderr.startswith("unitdrop: checkpoint")

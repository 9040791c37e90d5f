"""Stand-ins for the published weights: of their structure, with random numbers, served on this machine.

The catalogue is pointed at them, with their own sha256; all else is the code that fetches and reads the
real files.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from helpers.checkpoints import python2
from torch import nn
from torchvision.models import get_model


@dataclass(frozen=True)
class StandIns:
    """Files by their path on the server, and what `install` needs to point the catalogue at them."""

    files: dict[str, Path]
    table: dict

    def table_at(self, address: str) -> str:
        """The table as JSON, for another process."""
        return json.dumps({**self.table, "address": address})


def network(name: str, classes: int) -> nn.Module:
    """A network of torchvision with random weights whose prediction is not a tie."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        net = get_model(name, num_classes=classes)
        nn.init.normal_(net.fc.weight, std=0.3)
    return net.eval()


def make(
    folder: Path, names: tuple[str, ...] = ("resnet50", "resnet50-places365", "resnet18-places365")
) -> StandIns:
    """Write the files: torchvision's as `torch.save` does, Places365's as torch 0.2 under Python 2.7 did."""
    files, table = {}, {"imagenet": {}, "places365": {}}
    for name in names:
        architecture, _, places = name.partition("-")
        path = folder / name
        if places:
            state = network(architecture, 365).state_dict()
            state = {f"module.{k}": v for k, v in state.items() if not k.endswith("num_batches_tracked")}
            path.write_bytes(
                python2({"epoch": 90, "arch": architecture, "state_dict": state, "best_prec1": 54.7})
            )
            file, group = f"/{architecture}_places365.pth.tar", "places365"
        else:
            torch.save(network(architecture, 1000).state_dict(), path)
            file, group = f"/{architecture}-{digest(path)[:8]}.pth", "imagenet"
        files[file] = path
        table[group][architecture] = {"file": file, "sha256": digest(path)}
    return StandIns(files, table)


def digest(path: Path) -> str:
    """The sha256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def install(table: str, replace=setattr) -> None:
    """Point the catalogue of this process at the stand-ins."""
    from unitdrop.models import imagenet, places365

    table, remote = json.loads(table), imagenet.remote_file

    def instead(url):
        for architecture, entry in table["imagenet"].items():
            if f"/{architecture}-" in url:
                return remote(table["address"] + entry["file"])
        return remote(url)

    replace(imagenet, "remote_file", instead)
    replace(places365, "ADDRESS", f"{table['address']}/")
    pinned = table["places365"].get("resnet50", {}).get("sha256")
    replace(places365, "FILES", {**places365.FILES, "resnet50": (2048, 97_000_000, pinned)})


def main() -> int:
    """Run a command such as `sweep photo.jpg --model resnet50` on the table in UNITDROP_STANDINS."""
    install(os.environ["UNITDROP_STANDINS"])
    from unitdrop.cli import main

    return main()


if __name__ == "__main__":
    sys.exit(main())

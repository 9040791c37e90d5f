"""Files of weights from anywhere, none of which is trusted: `read_checkpoint`, `load_checkpoint`."""

from unitdrop.checkpoints.read import load_checkpoint, read_checkpoint

__all__ = ["load_checkpoint", "read_checkpoint"]

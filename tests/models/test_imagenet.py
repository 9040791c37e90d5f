"""torchvision's networks: the list of those that qualify is right, and its older files are understood."""

import re

import numpy as np
import pytest
import torch
from helpers.networks import entry, filled
from torchvision import models as torchvision_models
from torchvision.models import get_model, list_models

from unitdrop.models import ModelError, imagenet, load_model
from unitdrop.models.head import find_head


def test_torchvisions_files_are_kept_where_torchvision_keeps_them(caches):
    assert entry("resnet50").remote.path == caches / "torch" / "hub" / "checkpoints" / "resnet50-11ad3fa6.pth"
    assert entry("resnet50-places365").remote.folder == caches / "cache"


def test_old_names_of_densenet_and_auxiliary_classifiers_are_understood(caches):
    state = filled("densenet121").state_dict()
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|relu|conv))([12])\.", r"\1.\2.", key): v for key, v in state.items()
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, "old.pth")
    assert torch.equal(
        load_model("densenet121", checkpoint="old.pth").module.classifier.weight, state["classifier.weight"]
    )
    with_aux = get_model("googlenet", aux_logits=True, init_weights=False).state_dict()
    assert any(key.startswith("aux1.") for key in with_aux)
    torch.save(with_aux, "aux.pth")
    assert load_model("googlenet", checkpoint="aux.pth").units == 1024


# ----------------------------------------------------------------------------- torchvision's whole list


SIZES = {"inception_v3": 128, "maxvit_t": 224, "vit": 224}


def silenced(net, batch, dropped):
    """A forward pass with channels zeroed by a hook at the last part that has channels."""

    def silence(_, args, output=None):
        maps = (args[0] if output is None else output).clone()
        maps[:, dropped] = 0
        return maps if output is not None else (maps,)

    part = next(getattr(net, a) for a in ("avgpool", "features", "layers", "conv5") if hasattr(net, a))
    before = hasattr(net, "avgpool")
    handle = part.register_forward_pre_hook(silence) if before else part.register_forward_hook(silence)
    try:
        with torch.no_grad():
            return net(batch)[0]
    finally:
        handle.remove()


@pytest.mark.slow
@pytest.mark.parametrize("name", list_models(module=torchvision_models))
def test_each_of_torchvisions_classifiers_is_in_the_catalogue_if_and_only_if_its_head_qualifies(name):
    size = next((s for part, s in SIZES.items() if name.startswith(part)), 96)
    net, batch = filled(name), torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(2))
    try:
        head = find_head(net, batch)
    except ModelError as error:
        assert name not in imagenet.UNITS, str(error)
        return
    assert imagenet.UNITS[name] == len(head.maps)
    dropped = np.random.default_rng(0).permutation(len(head.maps))[: len(head.maps) // 2]
    maps = head.maps.clone()
    maps[dropped] = 0
    with torch.no_grad():
        ours = head.weight @ maps.mean((1, 2)) + head.bias
    theirs = silenced(net, batch, dropped)
    assert float((ours.softmax(0) - theirs.softmax(0)).abs().max()) < 1e-5
    assert float((theirs - head.logits).abs().max()) > 1e-4  # something was silenced

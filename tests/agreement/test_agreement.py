"""Right by other people's numbers: published checkpoints, other CAM libraries, torchvision's presets.

The largest differences are printed: `pytest -s tests/agreement`.
"""

import copy
import importlib.util
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from captum.attr import FeatureAblation
from helpers.networks import entry
from PIL import Image
from torchvision.models import get_model, get_model_weights

from unitdrop.models import imagenet, load_model, wrap
from unitdrop.scenes import render
from unitdrop.sweep import Sweep

ROOT = Path(__file__).resolve().parents[2]
CIFAR = ROOT.parent / "shared" / "data" / "cifar10"
EXAMPLE = ROOT / "examples" / "cifar_resnet.py"
FILES = {"resnet20": "resnet20-12fca82f.th", "resnet56": "resnet56-4bfd9763.th"}
needs_cifar = pytest.mark.skipif(
    not (CIFAR / "expected.json").is_file(), reason=f"needs the CIFAR-10 data beside the project: {CIFAR}"
)


@cache
def cifar(name):
    return load_model(f"{EXAMPLE}:{name}", checkpoint=CIFAR / FILES[name])


@needs_cifar
@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_the_published_cifar_resnets_give_the_figures_of_an_independent_implementation(name):
    expected = json.loads((CIFAR / "expected.json").read_text(encoding="utf-8"))
    model, classes = cifar(name), expected["classes"]
    assert model.labels == tuple(classes)
    folders = [(truth, CIFAR / "images" / label) for truth, label in enumerate(classes)]
    images = [(path, truth) for truth, folder in folders for path in sorted(folder.iterdir())]
    assert len(images) == expected["images"]
    readouts = [(model(path), truth) for path, truth in images]
    worst = [0.0, 0.0]
    for setting, rows in expected["curves"][FILES[name]].items():
        scope, rank = setting.split("/")
        sweeps = [Sweep(readout, truth, rank, scope) for readout, truth in readouts]
        for row in rows:
            accuracy = np.mean([s.prediction(row["k"]) == s.target for s in sweeps])
            probability = np.mean([s.curve[row["k"], s.target] for s in sweeps])
            off = abs(accuracy - row["accuracy"]), abs(probability - row["mean_probability"])
            assert off[0] <= 0.003 and off[1] <= 0.002, (setting, row, accuracy, probability)
            worst = np.maximum(worst, off)
    print(f"\n{name}: largest difference in accuracy {worst[0]:.4f}, in mean probability {worst[1]:.6f}")


@needs_cifar
@pytest.mark.slow
@pytest.mark.parametrize("rank", ["weight", "margin"])
@pytest.mark.parametrize("name", FILES)
def test_a_hooked_forward_pass_of_the_cifar_resnets_gives_what_a_sweep_gives(name, rank):
    model, worst = cifar(name), 0.0
    for path in sorted((CIFAR / "images").glob("*/0001.jpg")):
        sweep, picture = Sweep(model(path), rank=rank), np.asarray(Image.open(path).convert("RGB"))
        for k in (0, 1, 3, 9, 27, 64):
            real = hooked(model, picture, "layer3", sweep.dropped(k)).softmax(0).numpy()
            worst = max(worst, np.abs(real - sweep.probabilities(k)).max())
    assert worst < 1e-5
    print(f"\n{name}, {rank}: largest difference of a probability from a hooked forward pass {worst:.1e}")


@pytest.mark.parametrize("name", ["scenes", "resnet50"])
def test_a_hooked_forward_pass_flips_just_where_the_ranking_margin_says(name):
    model, layer, picture = subjects()[name]
    sweep, worst = Sweep(model(picture), rank="margin"), 0.0
    count = sweep.smallest_flip.count
    assert count == sweep.flip.k
    for k in {0, 1, count // 2, count - 1, count}:
        real = hooked(model, picture, layer, sweep.dropped(k)).softmax(0).numpy()
        worst = max(worst, np.abs(real - sweep.probabilities(k)).max())
        assert real.argmax() == (sweep.smallest_flip.index if k == count else sweep.target)
    assert worst < 1e-5
    print(f"\n{name}: flips at {count}; largest difference from a hooked forward pass {worst:.1e}")


def hooked(model, picture, layer, dropped):
    """Logits of a copy in eval mode for a picture (H, W, 3), with channels silenced after a layer."""
    network = copy.deepcopy(model.module).eval()

    def silence(_, args, maps):
        maps = maps.clone()
        maps[:, torch.as_tensor(dropped)] = 0
        return maps

    handle = network.get_submodule(layer).register_forward_hook(silence)
    try:
        with torch.no_grad():
            return network(model.prepare(picture))[0]
    finally:
        handle.remove()


# ---------------------------------------------------------------------------- other implementations of CAM


@cache
def subjects():
    """Networks with their last layer of maps, and a picture."""
    scenes = load_model("scenes")
    with torch.random.fork_rng():
        torch.manual_seed(5)
        fifty = wrap(get_model("resnet50", num_classes=12), size=96, name="resnet50, random")
        dense = wrap(get_model("densenet121", num_classes=12), size=96, name="densenet121, random")
    picture = render("camp", 11, 128).image
    return {
        "scenes": (scenes, "layer3", picture),
        "resnet50": (fifty, "layer4", picture),
        "densenet121": (dense, None, picture),
    }


def targets(model):
    return range(0, len(model.labels), max(1, len(model.labels) // 6))


@pytest.mark.parametrize("name", ["scenes", "resnet50"])
def test_cams_agree_with_torchcam(name):
    from torchcam.methods import CAM

    model, layer, picture = subjects()[name]
    readout, worst = model(picture), 0.0
    with CAM(model.module.eval(), target_layer=layer, fc_layer=model.layer) as extractor:
        for target in targets(model):
            scores = model.module(model.prepare(picture))
            theirs = extractor(class_idx=target, scores=scores, normalized=False)[0][0].detach().numpy()
            ours = (
                np.maximum(Sweep(readout, target).cam(), 0)
                if theirs.min() >= 0
                else Sweep(readout, target).cam()
            )
            worst = max(worst, np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-12))
    assert worst < 1e-5
    print(f"\n{name}: largest difference from torchcam's CAM, as part of its peak {worst:.1e}")


@pytest.mark.skipif(not importlib.util.find_spec("pytorch_grad_cam"), reason="grad-cam is not installed")
@pytest.mark.parametrize("name", ["scenes", "resnet50"])
def test_cams_agree_with_grad_cam_up_to_a_positive_factor(name):
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model, layer, picture = subjects()[name]
    readout, batch, worst = model(picture), model.prepare(picture), 0.0
    with GradCAM(model.module.eval(), [getattr(model.module, layer)]) as extractor:
        for target in targets(model):
            extractor.outputs = extractor.activations_and_grads(batch)
            loss = ClassifierOutputTarget(target)(extractor.outputs[0])
            model.module.zero_grad()
            loss.backward()
            grads = extractor.activations_and_grads.gradients[0].numpy()
            maps = extractor.activations_and_grads.activations[0].numpy()
            theirs = extractor.get_cam_image(batch, None, [target], maps, grads, False)[0]
            ours = Sweep(readout, target).cam()
            factor = float((ours * theirs).sum() / (theirs * theirs).sum())
            assert factor == pytest.approx(
                maps[0, 0].size, rel=1e-4
            )  # the gradient is the weight over the area
            worst = max(worst, np.abs(ours - factor * theirs).max() / np.abs(ours).max())
    model.module.zero_grad()
    assert worst < 1e-4
    print(f"\n{name}: largest difference from grad-cam's GradCAM, as part of the peak {worst:.1e}")


@pytest.mark.parametrize("name", ["scenes", "resnet50", "densenet121"])
def test_effects_of_single_units_agree_with_captums_feature_ablation_of_the_head(name):
    model, _, picture = subjects()[name]
    readout, worst = model(picture), 0.0
    head = model.module.get_submodule(model.layer)
    pooled = torch.tensor(readout.pooled)[None]
    for target in targets(model):
        with torch.no_grad():
            effects = FeatureAblation(head).attribute(pooled, target=target)[0].numpy()
        sweep = Sweep(readout, target)
        z = sweep.logits()[target]
        ours = np.empty(sweep.units)
        order = list(sweep.dropped(sweep.units))
        for k, unit in enumerate(order):  # dropping the k-th alone: all above it kept, one more gone
            ours[unit] = sweep.logits(k)[target] - sweep.logits(k + 1)[target]
        worst = max(worst, np.abs(ours - effects).max() / max(1e-12, np.abs(effects).max()))
        assert np.isfinite(z)
    assert worst < 1e-4
    print(
        f"\n{name}: largest difference from captum's FeatureAblation, part of the largest effect {worst:.1e}"
    )


# ------------------------------------------------------------------------------------ torchvision's presets

PICTURES = {
    "wide": (211, 333),
    "tall": (400, 251),
    "small": (100, 90),
    "square": (256, 256),
    "large": (901, 1207),
}


def photograph(shape):
    """Something with all frequencies: noise over a scene."""
    rng = np.random.default_rng(4)
    scene = Image.fromarray(render("harbour", 3, 256).image).resize(shape[::-1])
    return np.clip(np.asarray(scene, np.int16) + rng.integers(-40, 40, (*shape, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", PICTURES.values(), ids=PICTURES)
@pytest.mark.parametrize(
    "name",
    [
        "resnet50",
        "resnet18",
        "efficientnet_b0",
        "efficientnet_b4",
        "efficientnet_v2_l",
        "swin_t",
        "inception_v3",
    ],
)
def test_preprocessing_is_that_of_the_weights_own_transform_to_the_bit(name, shape):
    line, pixels = entry(name), photograph(shape)
    theirs = get_model_weights(name).DEFAULT.transforms()(Image.fromarray(pixels))
    net = torch.nn.Sequential(torch.nn.AvgPool2d(8), Mean(), torch.nn.Linear(3, line.classes))
    ours = wrap(net, **line.settings()).prepare(pixels)[0]
    assert ours.dtype == theirs.dtype and torch.equal(ours, theirs)


class Mean(torch.nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


def test_every_preset_of_the_catalogue_has_the_form_that_is_reproduced():
    kinds = {type(get_model_weights(name).DEFAULT.transforms()).__name__ for name in imagenet.UNITS}
    assert kinds == {"ImageClassification"}
    for name in imagenet.UNITS:
        preset = get_model_weights(name).DEFAULT.transforms()
        assert preset.antialias is True and len(preset.crop_size) == len(preset.resize_size) == 1
        assert preset.crop_size[0] <= preset.resize_size[0]

"""The rendered world, the network trained on it, and the figures that are claimed of it."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unitdrop import evaluate_scenes as evaluate
from unitdrop.scenes import CONCEPTS, DEFINING, NAMES, network, render, siblings, train

SEEDS = st.integers(0, 2**31)


@given(st.sampled_from(NAMES), SEEDS, st.sampled_from((32, 77, 128)))
def test_the_same_name_seed_and_size_give_the_same_bytes(name, seed, size):
    one, two = render(name, seed, size), render(name, seed, size)
    assert one.image.tobytes() == two.image.tobytes()
    assert one.image.shape == (size, size, 3) and one.image.dtype == np.uint8
    assert one.masks.keys() == two.masks.keys()


@given(st.sampled_from(NAMES), SEEDS)
def test_every_pixel_belongs_to_exactly_one_concept(name, seed):
    scene = render(name, seed, 64)
    assert set(scene.masks) <= set(CONCEPTS)
    assert (sum(mask.astype(int) for mask in scene.masks.values()) == 1).all()


@given(st.sampled_from(NAMES), SEEDS)
def test_every_scene_shows_something_that_defines_it(name, seed):
    scene = render(name, seed, 128)
    assert scene.defining.any()
    parts = [scene.masks[c] for c in DEFINING[name] if c in scene.masks]
    assert (scene.defining == np.any(parts, axis=0)).all()


def test_another_seed_gives_another_picture():
    assert len({render("lake", seed, 64).image.tobytes() for seed in range(20)}) == 20


@pytest.mark.parametrize("name", NAMES)
def test_two_sizes_show_the_same_place(name):
    small, large = render(name, 7, 128), render(name, 7, 384)
    agree = [(large.masks[c][1::3, 1::3] & m).sum() for c, m in small.masks.items() if c in large.masks]
    assert sum(agree) / 128**2 > 0.93


def test_there_are_enough_scenes_and_every_concept_is_seen_somewhere():
    seen = {c for name in NAMES for seed in range(40) for c in render(name, seed, 128).masks}
    assert len(NAMES) >= 16 and len(CONCEPTS) >= 24
    assert seen == set(CONCEPTS)


def test_classes_share_concepts_but_no_concept_defines_more_than_a_third_of_them():
    assert all(2 <= len(concepts) <= 5 and set(concepts) <= set(CONCEPTS) for concepts in DEFINING.values())
    counts = [sum(c in concepts for concepts in DEFINING.values()) for c in CONCEPTS]
    assert max(counts) <= len(NAMES) / 3


def test_siblings_are_those_that_share_a_defining_concept():
    assert siblings("forest") == {"lake", "mountain", "camp"}
    assert all(name in siblings(other) for name in NAMES for other in siblings(name))
    assert all(name not in siblings(name) and siblings(name) for name in NAMES)
    assert evaluate.sibling_chance() <= 0.35


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("volcano", 0), "volcano"),
        (("lake", -1), "negative"),
        (("lake", 0, 8), "32 to 2048"),
        (("lake", 0, 9999), "9999"),
    ],
)
def test_a_bad_request_is_refused_with_the_remedy(arguments, words):
    with pytest.raises(ValueError, match=words):
        render(*arguments)


def test_the_network_is_a_small_resnet_with_fine_maps():
    net = network.build()
    assert type(net).__name__ == "ResNet" and "torchvision" in type(net).__module__
    shapes = []
    net.avgpool.register_forward_pre_hook(lambda _, args: shapes.append(args[0].shape))
    assert net.eval()(torch.zeros(1, 3, 128, 128)).shape == (1, len(NAMES))
    assert shapes == [(1, 256, 16, 16)]


def test_weights_survive_the_file_in_half_precision(tmp_path):
    net = network.build()
    network.save(net, tmp_path / "w.safetensors")
    back = network.trained(tmp_path / "w.safetensors")
    for key, value in net.state_dict().items():
        assert torch.allclose(back.state_dict()[key].float(), value.float(), atol=2e-3, rtol=1e-3), key


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.safetensors"):
        network.trained(tmp_path / "none.safetensors")


def test_the_committed_weights_are_small_and_every_unit_is_evidence_for():
    assert network.WEIGHTS.stat().st_size <= 6_000_000
    assert (network.trained().fc.weight >= 0).all()


def test_augmenting_mirrors_and_shifts_but_invents_no_pixels():
    x = torch.arange(8 * 3 * 128 * 128, dtype=torch.float32).reshape(8, 3, 128, 128)
    out = train.augment(x, torch.Generator().manual_seed(0))
    assert out.shape == x.shape
    assert all(torch.isin(out[i, 0], x[i, 0]).all() for i in range(8))


def test_the_temperature_is_the_one_that_was_applied():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 5, generator=generator) * 2
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0].numpy()
    assert train.temperature(logits * 2.5, labels) == pytest.approx(2.5, abs=0.25)


def _tiny(monkeypatch, tmp_path, name):
    monkeypatch.setattr(train, "CALIBRATION", 20)
    train.train(tmp_path / f"{name}.safetensors", tmp_path / name, images=40, epochs=2, seed=3, batch=20)
    return (tmp_path / f"{name}.safetensors").read_bytes()


def test_training_that_was_cut_off_resumes_to_the_same_weights(monkeypatch, tmp_path):
    whole = _tiny(monkeypatch, tmp_path, "whole")
    keep = train._keep
    with monkeypatch.context() as patch:

        def cut(*args):
            keep(*args)
            raise KeyboardInterrupt

        patch.setattr(train, "_keep", cut)
        with pytest.raises(KeyboardInterrupt):
            _tiny(monkeypatch, tmp_path, "cut")
    assert not (tmp_path / "cut.safetensors").exists()
    assert _tiny(monkeypatch, tmp_path, "cut") == whole


def _record(truth, prediction, confidence=0.8, usurper=None, flip=None, random_flip=None, on=True):
    return evaluate.Record(truth, prediction, confidence, usurper, flip, random_flip, on, 0.25)


def test_the_figures_of_the_card_by_hand():
    beach, island, farm = (NAMES.index(n) for n in ("beach", "island", "farm"))
    records = [
        _record(beach, beach, 0.9, island, 4, 50),
        _record(beach, beach, 0.7, farm, 10, None, on=False),
        _record(farm, beach, 0.6, island, 2, 20, on=False),
        _record(farm, farm, 0.8, None, None, 90),
    ]
    values = evaluate.figures(records, units=100)
    assert values["top-1 accuracy"] == 0.75
    assert values["usurper is a sibling"] == pytest.approx(1 / 3)
    assert values["CAM peak on a defining concept"] == 0.5
    assert values["the same by chance (mean area)"] == 0.25
    assert values["median flip by weight, units"] == 10
    assert values["median flip by random order, units"] == 90
    assert values["median flip, weight / random"] == pytest.approx(1 / 9)
    table = evaluate.confusion(records)
    assert table[beach, beach] == 2 and table[farm, beach] == 1 and table.sum() == 4


def test_calibration_error_by_hand():
    confidence, right = np.array([0.95, 0.99, 0.55, 1.0]), np.array([True, False, True, True])
    # Bins of 1/15: the last holds 0.95, 0.99 and 1.0 (2 of 3 right), the ninth holds 0.55 (right).
    expected = 0.75 * abs(0.98 - 2 / 3) + 0.25 * abs(0.55 - 1)
    assert evaluate.calibration_error(confidence, right) == pytest.approx(expected)


def test_the_report_goes_between_the_marks_of_the_card_and_nowhere_else(tmp_path):
    card = tmp_path / "CARD.md"
    card.write_text(f"above\n{evaluate.START}\nold\n{evaluate.END}\nbelow\n")
    evaluate._into_card("new", card)
    assert card.read_text() == f"above\n{evaluate.START}\nnew\n{evaluate.END}\nbelow\n"


def test_a_run_on_fewer_images_leaves_the_card_alone(tmp_path, capsys):
    card = tmp_path / "CARD.md"
    card.write_text(f"{evaluate.START}\nold\n{evaluate.END}\n")
    evaluate.main(["--images", "20", "--card", str(card)])
    assert "| images | 20 |" in capsys.readouterr().out and "old" in card.read_text()


def test_training_refuses_what_it_cannot_train_on(tmp_path):
    with pytest.raises(SystemExit, match="at least 100 images"):
        train.train(tmp_path / "w", tmp_path, images=40, epochs=1, seed=0)


def _card() -> dict[str, float]:
    rows = re.findall(r"^\| ([^|]+) \| ([\d.,]+)(?: %)? \|$", evaluate.CARD.read_text("utf-8"), re.M)
    return {name: float(value.replace(",", "")) for name, value in rows}


def test_the_card_reports_figures_within_the_promised_bounds():
    card = _card()
    assert card["images"] >= 2000
    assert 92 <= card["top-1 accuracy"] <= 98
    assert card["expected calibration error, 15 bins"] <= 3
    assert card["usurper is a sibling"] >= 85 and card["the same by chance"] <= 35
    assert card["CAM peak on a defining concept"] >= 85
    assert card["median flip, weight / random"] <= 20


@pytest.mark.slow
def test_the_figures_of_the_card_come_out_again_on_part_of_the_renders(monkeypatch):
    shown = {}
    monkeypatch.setattr(evaluate, "report", lambda values, table: shown.update(values) or "")
    evaluate.main(["--images", "600", "--dry"])
    for name in ("top-1 accuracy", "usurper is a sibling", "CAM peak on a defining concept"):
        assert 100 * shown[name] == pytest.approx(_card()[name], abs=5), name

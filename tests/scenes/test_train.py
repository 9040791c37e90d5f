"""Training: the same weights from the same command, also when it was cut off."""

import pytest
import torch

from unitdrop.scenes import train


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


def tiny(monkeypatch, tmp_path, name):
    monkeypatch.setattr(train, "CALIBRATION", 20)
    train.train(tmp_path / f"{name}.safetensors", tmp_path / name, images=40, epochs=2, seed=3, batch=20)
    return (tmp_path / f"{name}.safetensors").read_bytes()


def test_training_that_was_cut_off_resumes_to_the_same_weights(monkeypatch, tmp_path):
    whole = tiny(monkeypatch, tmp_path, "whole")
    save = train.TrainingState.save
    with monkeypatch.context() as patch:

        def cut(*args):
            save(*args)
            raise KeyboardInterrupt

        patch.setattr(train.TrainingState, "save", cut)
        with pytest.raises(KeyboardInterrupt):
            tiny(monkeypatch, tmp_path, "cut")
    assert not (tmp_path / "cut.safetensors").exists()
    assert tiny(monkeypatch, tmp_path, "cut") == whole


def test_training_refuses_what_it_cannot_train_on(tmp_path):
    with pytest.raises(SystemExit, match="at least 100 images"):
        train.train(tmp_path / "w", tmp_path, images=40, epochs=1, seed=0)

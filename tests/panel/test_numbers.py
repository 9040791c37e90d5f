"""What the networks say about the images: computed once, kept as long as there is room."""

from helpers.panels import IMAGES, UNITS, ToyModel, picture

from unitdrop.panel import numbers


def test_the_network_runs_once_for_each_image(made):
    model = ToyModel()
    controls = made(model).controls
    for k in range(UNITS):
        controls.k.value = k
    controls.rank.value, controls.target.value = "random", 2
    assert model.calls == 1
    controls.image.value = 1
    controls.image.value = 0
    assert model.calls == 2


def test_images_that_were_seen_do_not_run_the_network_again(made):
    model = ToyModel()
    controls = made(model, [picture(seed) for seed in range(30)]).controls
    for _ in range(2):
        for image in range(30):
            controls.image.value = image
    assert model.calls == 30


def test_of_many_large_readouts_the_latest_are_kept(made, monkeypatch):
    monkeypatch.setattr(numbers, "KEPT", 3 * numbers.bytes_of(ToyModel()(IMAGES[0])))
    model = ToyModel()
    controls = made(model, [picture(seed) for seed in range(5)]).controls
    for image in (1, 2, 3, 4, 3, 2, 0):
        controls.image.value = image
    assert model.calls == 6 and len(controls.images.options) == 5

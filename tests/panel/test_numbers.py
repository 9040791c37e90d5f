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


def named(labels):
    """A toy network of these class names."""
    model = ToyModel()
    model.labels = labels
    return model


def test_names_that_repeat_carry_their_index_in_every_menu_and_are_found_by_it(made):
    used = made(named(("crane", "sea", "crane", "crane (0)")), target="crane (2)")
    controls = used.controls
    assert used.state.target == 2
    told = [name.rpartition("  ")[0] for name, _ in controls.target.options]
    assert sorted(told) == ["crane (0)", "crane (0) (0)", "crane (2)", "sea"]
    assert controls.search.options == ("crane (0) (0)", "sea", "crane (2)", "crane (0)")
    for index, name in enumerate(controls.search.options):
        controls.search.value = name
        assert used.state.target == index
    controls.drawers.selected_index = 1
    assert "  # crane (0)" in controls.code.value


def test_of_a_long_name_200_letters_reach_the_page(made):
    used = made(named(("a" * 100_000, "a" * 99_999 + "b", "c", "d\ne")))
    controls = used.controls
    told = {name.rpartition("  ")[0] for name, _ in controls.targets.options}
    assert told == {"a" * 199 + "… (0)", "a" * 199 + "… (1)", "c", "d e"} == set(controls.search.options)
    controls.search.value = "a" * 199 + "… (1)"
    controls.drawers.selected_index = 1
    assert used.state.target == 1 and len(controls.code.value) < 2000

"""The images that a panel is given: found, named, in order."""

import pytest
from helpers.panels import ToyModel, picture
from PIL import Image

from unitdrop.images import ImageError, load_image
from unitdrop.panel import Panel, gather, sources


@pytest.mark.parametrize("images", [[], "no/such/folder", ["no-such-file.png"]])
def test_images_that_are_not_there_are_refused(images):
    with pytest.raises(ImageError, match="images: "):
        Panel(ToyModel(), images)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ImageError, match="nothing to show"):
        gather(tmp_path)


def test_without_samples_scenes_are_rendered(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "SAMPLES", tmp_path / "gone")
    found = gather().sources
    assert len(found) >= 16 and load_image(found[0].get()).shape == (448, 448, 3)


def test_names_are_sorted_as_people_count(tmp_path):
    for number in (1, 2, 10):
        (tmp_path / f"image{number}.png").touch()
    assert [source.name for source in gather(tmp_path).sources] == ["image1.png", "image2.png", "image10.png"]


def test_files_of_the_same_name_are_told_apart(made, tmp_path):
    for seed, name in enumerate(("x", "y")):
        (tmp_path / name).mkdir()
        Image.fromarray(picture(seed)).save(tmp_path / name / "a.png")
    images = [tmp_path / "x" / "a.png", tmp_path / "y" / "a.png"]
    a_panel = made(images=images)
    a_panel.controls.image.value = 1
    assert [name for name, _ in a_panel.controls.images.options] == ["x/a.png", "y/a.png"]
    assert made(images=images, state=a_panel.settings).state == a_panel.state
    other = made(images=tmp_path / "x")
    other.controls.folder.value = str(tmp_path / "y")
    at, settings = other.state, other.settings
    other.controls.k.value = 3
    other.controls.settings.value = settings
    assert other.state == at

"""The panel in a real browser: in JupyterLab, in Notebook 7, and alone through Voilà.

Every test leaves a screenshot, in the folder that ``UNITDROP_SCREENSHOTS`` names if it is set. A core of them
always runs, in JupyterLab, in the notebook of the repository with all its cells; the others are slow.
"""

import json
import os
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from helpers import browser
from PIL import Image

from unitdrop.panel.browser import LIMIT
from unitdrop.scenes import render

reason = browser.missing()
pytestmark = pytest.mark.skipif(bool(reason), reason=f"no browser test: {reason}")
PANEL = "img.ud-frame"
NOTEBOOKS = {"jupyterlab": "unitdrop.ipynb", "notebook7": "unitdrop.ipynb"}
SIZE = {"width": 1280, "height": 900}
# What is no fault of the panel: the front ends complain of it whatever the notebook holds.
HARMLESS = (
    "404 (Not Found)",
    "/voila/api/shutdown/",  # Voilà, which forgets a token as it leaves a page (its issue 1458)
    "net::ERR_",  # Voilà fetches the font of its icons from the internet
    "reading 'schema'",  # Notebook 7, while it reads its settings
    "@jupyter-notebook/lab-extension",  # Voilà, which loads what Notebook 7 has installed for JupyterLab
)


@dataclass
class Stage:
    """A front end, the page on which it shows the panel, and what comes of it."""

    name: str
    page: object
    address: str
    notebooks: Path
    shots: Path
    start: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, query=""):
        """Show the panel, on a fresh page."""
        if self.name == "voila":
            self.page.goto(self.address.format(query))
        else:
            browser.open_and_run(self.page, self.address)
        self.page.wait_for_selector(PANEL)
        is_whole(self.page)
        self.start = controls(self.page)

    def shoot(self, name):
        """Keep a screenshot."""
        path = self.shots / f"{self.name}-{name}.png"
        self.page.screenshot(path=path)
        print(f"\nscreenshot: {path}")

    def faults(self):
        """What the browser has complained about."""
        return [words for words in self.complaints if not any(known in words for known in HARMLESS)]


def words_of(said):
    return f"{said.text} {said.location.get('url', '')}".strip()


def serve(name, root):
    """Serve a copy of the repository in a front end; gives its address."""
    if name == "voila":
        return browser.voila(root)
    return getattr(browser, name)(root / "notebooks", package=root)


@pytest.fixture(
    scope="module",
    params=[
        "jupyterlab",
        pytest.param("notebook7", marks=pytest.mark.slow),
        pytest.param("voila", marks=pytest.mark.slow),
    ],
)
def stage(request, tmp_path_factory):
    name = request.param
    root = browser.checkout(tmp_path_factory.mktemp(name))
    shots = Path(os.environ.get("UNITDROP_SCREENSHOTS") or root / "screenshots").absolute()
    shots.mkdir(parents=True, exist_ok=True)
    with serve(name, root) as address, browser.page(**SIZE) as page:
        page.set_default_timeout(20_000)
        notebook = NOTEBOOKS.get(name, "{}")  # Voilà serves one, and takes more of a query
        stage = Stage(name, page, address.format(notebook), root / "notebooks", shots)
        page.on("pageerror", lambda error: stage.complaints.append(f"exception: {error}"))
        page.on("console", lambda said: said.type == "error" and stage.complaints.append(words_of(said)))
        stage.open()
        yield stage


@pytest.fixture
def page(stage, request):
    """The page with the panel as at the start; afterwards nothing may be wrong on it, or cut off."""
    page = stage.page
    close_drawers(page)
    part(page, "reset").click()
    becomes(lambda: controls(page), stage.start)
    is_whole(page)
    yield page
    stage.shoot(request.node.originalname.removeprefix("test_"))
    assert browser.errors(page) == [] and stage.faults() == [] and browser.cut_off(page) == []


# -- what is on the page


def part(page, name):
    return page.locator(f".ud-{name}").first


def readout(page, name):
    return part(page, name).locator(".widget-readout").inner_text()


def k(page):
    return int(readout(page, "k"))


def menu(page, name):
    """A menu by the word in front of it."""
    word = page.locator("label", has_text=re.compile(f"^{name}$"))
    return page.locator(".ud-panel .widget-dropdown", has=word).locator("select")


def chosen(select):
    return select.evaluate("e => e.selectedOptions[0]?.textContent ?? ''")


def controls(page):
    """What the controls say that belongs to a picture, and which pictures are there."""
    return page.locator(".ud-panel").first.evaluate(
        "panel => [...panel.querySelectorAll('select, .widget-readout')]"
        ".map(e => e.selectedOptions ? e.selectedOptions[0]?.textContent : e.textContent.trim())"
        ".concat([...panel.querySelectorAll('img')].map(e => String(e.checkVisibility())),"
        " panel.querySelector('.ud-error').textContent.trim())"
    )


def is_whole(page):
    """Wait until every picture that is there has been loaded."""
    page.wait_for_function(
        "() => { const all = [...document.querySelectorAll('.ud-panel img')],"
        " seen = all.filter(e => e.checkVisibility());"
        " return seen.length && seen.every(e => e.complete && e.naturalWidth > 0) }"
    )


def becomes(what, expected, patience=30):
    """Wait for what is on the page: the picture and its controls change in messages of their own."""
    deadline = time.monotonic() + patience
    while not _is((found := what()), expected):
        assert time.monotonic() < deadline, (found, expected)
        time.sleep(0.05)
    return found


def _is(found, expected):
    return bool(re.search(expected, found)) if isinstance(expected, re.Pattern) else found == expected


def one_line(text):
    return re.sub(r"\s+", " ", text).strip()


def says(page, name, pattern, patience=30):
    """Wait until a part of the panel says something."""
    return becomes(lambda: one_line(part(page, name).inner_text()), re.compile(pattern), patience)


def source(page, name):
    return part(page, name).get_attribute("src")


def picture(page):
    """The picture itself."""
    return page.evaluate(
        "async source => [...new Uint8Array(await (await fetch(source)).arrayBuffer())]",
        source(page, "frame"),
    )


class follows:
    """Within it something is done, after which the picture (or another part) must be another one."""

    def __init__(self, page, name="frame"):
        self.page, self.name = page, name

    def __enter__(self):
        self.before = source(self.page, self.name)

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.page.wait_for_function(
                "([name, before]) => (e => e && e.src !== before)(document.querySelector(`.ud-${name}`))",
                arg=[self.name, self.before],
            )
            is_whole(self.page)


def move_to(page, fraction):
    """Drag the slider of k with the mouse."""
    handle, track = (part(page, "k").locator(name) for name in (".noUi-handle", ".noUi-base"))
    handle.scroll_into_view_if_needed()
    start, along = handle.bounding_box(), track.bounding_box()
    y = start["y"] + start["height"] / 2
    page.mouse.move(start["x"] + start["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(along["x"] + along["width"] * fraction, y, steps=8)
    page.mouse.up()
    followed(page)


def followed(page):
    """Wait until the kernel has followed the slider of k: it then moves that of what is kept."""
    becomes(lambda: readout(page, "kept").split(), [readout(page, "k"), "–", "256"])


def drawer(page, words):
    """Open a part of the accordion, which closes the other; after the test it is closed again."""
    page.locator(".ud-panel .jupyter-widget-Collapse-header", has_text=words).first.click()


def close_drawers(page):
    for title in page.locator(".ud-panel .jupyter-widget-Collapse-open > *:first-child").all():
        title.click()


# -- the core, which always runs


def test_the_first_picture_is_shown_whole(page):
    size = page.locator(PANEL).first.evaluate("e => [e.naturalWidth, e.naturalHeight, e.complete]")
    assert size == [960, 540, True]


def test_the_keyboard_moves_the_slider_and_the_picture_follows(page):
    with follows(page):
        part(page, "k").locator(".noUi-handle").press("PageUp")  # Notebook 7 keeps the arrows for its cells
    becomes(lambda: k(page) > 1, True)


def test_the_mouse_drags_the_slider_and_the_picture_follows(page):
    with follows(page):
        move_to(page, 0.5)
    becomes(lambda: 120 <= k(page) <= 136, True)


def test_every_control_says_what_it_is_for_when_the_pointer_rests_on_it(page):
    mute = page.locator(".ud-panel").first.evaluate(
        "panel => [...panel.querySelectorAll("
        " 'select, input:not([type=file]), button, textarea, .noUi-handle')]"
        " .filter(e => !e.closest('[title]')?.title).map(e => e.outerHTML)"
    )
    assert mute == []


def test_the_buttons_step(page):
    for button, expected in (("▶", "1"), ("▶", "2"), ("◀", "1")):
        with follows(page):
            page.get_by_role("button", name=button).first.click()
        becomes(lambda: readout(page, "k"), expected)


def test_play_runs_the_slider_and_the_picture_follows(page):
    button = part(page, "play").locator("button").first
    button.click()
    for _ in range(3):
        with follows(page):
            pass
    button.click()
    becomes(lambda: k(page) >= 3, True)


def test_another_image_brings_its_own_prediction(page):
    before = readout(page, "image")
    menu = part(page, "classes").locator("select")
    menu.select_option(index=3)
    becomes(lambda: menu.evaluate("e => e.selectedIndex"), 3)
    with follows(page):
        part(page, "image").locator(".noUi-handle").press("PageUp")
    becomes(lambda: menu.evaluate("e => e.selectedIndex"), 0)
    assert readout(page, "image") != before
    becomes(lambda: chosen(part(page, "images").locator("select")), readout(page, "image"))


def test_another_class_is_chosen_from_the_list_and_the_slider_names_it(page):
    menu = part(page, "classes").locator("select")
    with follows(page):
        menu.select_option(index=2)
    becomes(lambda: one_line(readout(page, "class")), one_line(chosen(menu)))


# -- all that a user can do


@pytest.mark.slow
def test_a_class_is_found_by_typing_a_part_of_its_name(page):
    box = part(page, "search").locator("input")
    with follows(page):
        box.click()
        page.keyboard.type("arbou")
        box.press("Enter")
    says(page, "class", "^Class harbour")
    becomes(box.input_value, "")


@pytest.mark.slow
def test_bounce_plays_there_and_back_again(page):
    bounce, play = part(page, "bounce"), part(page, "play").locator("button").first
    bounce.click()
    part(page, "k").locator(".noUi-handle").press("End")
    followed(page)
    play.click()
    becomes(lambda: 200 < k(page) < 253, True)
    play.click()
    bounce.click()


@pytest.mark.slow
@pytest.mark.parametrize("ranking", ["margin", "random"])
def test_another_ranking_keeps_k(page, ranking):
    move_to(page, 0.1)
    before = becomes(lambda: k(page) > 10, True) and k(page)
    with follows(page):
        menu(page, "Ranking").select_option(label=ranking)
    assert k(page) == before
    becomes(page.get_by_label("Seed", exact=True).first.is_visible, ranking == "random")


@pytest.mark.slow
def test_two_pictures_side_by_side_follow_the_same_slider(page):
    with follows(page):
        menu(page, "Beside").select_option(label="scope class")
    part(page, "beside").wait_for(state="visible")
    is_whole(page)
    with follows(page), follows(page, "beside"):
        move_to(page, 0.1)
    assert source(page, "frame") != source(page, "beside")
    left, right = (part(page, name).bounding_box() for name in ("frame", "beside"))
    assert left["y"] == right["y"] and left["x"] + left["width"] <= right["x"]
    assert left["height"] == pytest.approx(right["height"], abs=1)


@pytest.mark.slow
def test_the_row_of_units_is_stepped_through_and_left_again(page):
    part(page, "units").click()
    part(page, "tiles").wait_for(state="visible")
    is_whole(page)
    cam = source(page, "frame")
    for step in ("The next unit", "The next unit", "The unit before"):
        with follows(page), follows(page, "tiles"):
            page.get_by_title(step).first.click()
    with follows(page):
        page.get_by_role("button", name="Back to the CAM").click()
    assert part(page, "tiles").is_visible() and source(page, "frame") != cam


@pytest.mark.slow
def test_a_click_on_a_unit_shows_its_map_and_another_click_the_cam_again(page):
    part(page, "units").click()
    part(page, "tiles").wait_for(state="visible")
    is_whole(page)
    back, at = page.get_by_role("button", name="Back to the CAM"), part(page, "tiles").bounding_box()
    place = {"x": at["width"] * 1.5 / 8, "y": at["height"] * 0.3}
    for shown in (True, False):
        with follows(page):
            part(page, "tiles").click(position=place)
        becomes(back.is_enabled, shown)


@pytest.mark.slow
def test_a_click_on_the_curve_goes_there(page):
    size = page.locator(PANEL).first.bounding_box()
    with follows(page):
        part(page, "frame").click(position={"x": size["width"] * 0.75, "y": size["height"] * 0.8})
    becomes(lambda: k(page) > 10, True)


# -- images of one's own


def photograph(path, scene="harbour", side=320):
    Image.fromarray(render(scene, 5, side).image).save(path)
    return path


def upload(page, path):
    """Choose a file as a user does, in the part of the accordion that is for it."""
    drawer(page, "Your own images")
    with page.expect_file_chooser() as opened:
        page.locator(".ud-choose").first.click()
    opened.value.set_files(path)


@pytest.mark.slow
def test_a_picture_that_is_uploaded_is_shown(page, tmp_path):
    with follows(page):
        upload(page, photograph(tmp_path / "mine.png"))
    becomes(lambda: readout(page, "image"), "mine.png")
    says(page, "upload", "or drop them")


@pytest.mark.slow
def test_a_file_that_is_too_large_is_refused_in_the_page(page, tmp_path):
    (tmp_path / "huge.png").write_bytes(bytes(9_000_000))
    before = source(page, "frame")
    upload(page, tmp_path / "huge.png")
    said = says(page, "upload", "huge.png: 9.0 MB")
    assert "8.0 MB" in said and ("folder" in said) == (part(page, "folder").count() == 1)
    says(page, "error", "huge.png: 9.0 MB")  # where it is seen even if that part is folded away
    assert source(page, "frame") == before and "huge.png" not in part(page, "images").inner_text()
    with follows(page):
        page.get_by_role("button", name="▶").first.click()
    says(page, "error", "^$")


@pytest.mark.slow
def test_a_file_that_is_no_picture_is_named_with_the_reason(page, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    before = readout(page, "image")
    upload(page, tmp_path / "broken.png")
    said = says(page, "notes", "broken.png")
    assert "cannot be read" in said and readout(page, "image") == before
    assert "broken.png" not in part(page, "images").inner_text()


@pytest.mark.slow
def test_a_file_that_is_just_small_enough_arrives(page, tmp_path):
    side = int((LIMIT * 0.97 / 3) ** 0.5)
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.png", compress_level=0)
    assert 0.96 * LIMIT < (tmp_path / "large.png").stat().st_size <= LIMIT
    with follows(page):
        upload(page, tmp_path / "large.png")
    becomes(lambda: readout(page, "image"), "large.png")


DROP = """([content, name]) => {
  const panel = document.querySelector('.ud-panel'), data = new DataTransfer()
  data.items.add(new File([new Uint8Array(content)], name, {type: 'image/png'}))
  const tell = kind => panel.dispatchEvent(
    new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}))
  const refused = tell('dragover')
  const marked = panel.classList.contains('ud-over')
  tell('drop')
  return [refused, marked, panel.classList.contains('ud-over')] }"""


@pytest.mark.slow
def test_a_file_that_is_dropped_on_the_panel_is_shown(page, tmp_path):
    content = photograph(tmp_path / "dropped.png", "camp").read_bytes()
    with follows(page):
        assert page.evaluate(DROP, [list(content), "dropped.png"]) == [False, True, False]
    becomes(lambda: readout(page, "image"), "dropped.png")


@pytest.mark.slow
def test_a_folder_is_opened_by_its_path_and_left_again(page, stage, tmp_path):
    if stage.name == "voila":
        pytest.skip("visitors see no folder of the server; see test_visitor.py")
    photograph(tmp_path / "first.png"), photograph(tmp_path / "second.png", "camp")
    (tmp_path / "third.png").write_text("no picture")
    box, before = part(page, "folder").locator("input"), readout(page, "image")
    drawer(page, "Your own images")
    box.fill(str(tmp_path))
    box.press("Enter")
    becomes(lambda: readout(page, "image"), "first.png")
    says(page, "notes", r"of \d+ images cannot be read: .*third.png")
    box.fill("")
    box.press("Enter")
    becomes(lambda: readout(page, "image"), before)


# -- files and texts


@contextmanager
def saved(stage, button, ending):
    """Press a button and do something meanwhile; gives the path of the file that comes of it, in a list."""
    page, found, there = stage.page, [], sorted(stage.notebooks.iterdir())
    if stage.name == "voila":
        with page.expect_download(timeout=90_000) as coming:
            part(page, button).click()
            yield found
        assert coming.value.suggested_filename.endswith(f".{ending}")
        says(page, "status", rf"\.{ending} \([0-9.]+ MB\) is among your downloads$")
        assert sorted(stage.notebooks.iterdir()) == there
        found.append(Path(coming.value.path()))
    else:
        part(page, button).click()
        yield found
        pattern = rf"^Saved (.+\.{ending})"
        found.append(Path(re.search(pattern, says(page, "status", pattern, patience=90))[1]))
        assert found[0].parent == stage.notebooks


@pytest.mark.slow
def test_a_gif_is_saved_and_moves(page, stage):
    with saved(stage, "save", "gif") as found:
        says(page, "status", r"Saving: frame \d+ of \d+")
    with Image.open(*found) as film:
        assert film.format == "GIF" and film.n_frames > 10


@pytest.mark.slow
def test_a_png_of_the_picture_is_saved(page, stage):
    with saved(stage, "save-png", "png") as found:
        pass
    with Image.open(*found) as picture:
        assert (picture.format, picture.size) == ("PNG", (960, 540))


@pytest.mark.slow
def test_settings_that_are_copied_bring_the_picture_back(page):
    start = controls(page)
    with follows(page):
        part(page, "images").locator("select").select_option(label="camp-1.png")
    becomes(lambda: readout(page, "image"), "camp-1.png")
    with follows(page):
        move_to(page, 0.2)
    there, box = controls(page), part(page, "settings").locator("input")
    drawer(page, "Python and settings")
    becomes(lambda: "camp-1.png" in box.input_value(), True)
    settings, code = copied(page, "settings"), copied(page, "code")
    assert (
        json.loads(settings)["image"] == "camp-1.png"
        and code == part(page, "code").locator("textarea").input_value()
    )
    compile(code, "copied", "exec")
    part(page, "reset").click()
    becomes(lambda: controls(page), start)
    with follows(page):
        page.evaluate("text => navigator.clipboard.writeText(text)", settings)
        box.click()
        page.keyboard.press("Control+A")
        page.keyboard.press("Control+V")
        box.press("Enter")
    becomes(lambda: controls(page), there)


def copied(page, what):
    """Press a button that copies; gives what is on the clipboard then."""
    page.evaluate("navigator.clipboard.writeText('')")
    part(page, f"copy-{what}").click()
    says(page, "status", "Python copied" if what == "code" else f"{what} copied")
    return page.evaluate("navigator.clipboard.readText()")


@pytest.mark.slow
def test_without_a_network_another_model_ends_in_words_and_the_picture_stays(page, stage):
    models = part(page, "model").locator("select")
    if stage.name == "voila":
        assert "MB" not in models.inner_text()  # visitors are offered what is on the server
        pytest.skip("visitors download nothing")
    here, before, at = chosen(models), picture(page), k(page)
    names = [one_line(name) for name in models.locator("option").all_inner_texts()]
    (wanted,) = (i for i, name in enumerate(names) if name.startswith("resnet18 "))
    assert re.search(r"\d+ MB", names[wanted])  # it is not here, and the menu says so
    models.select_option(index=wanted)
    page.locator(".ud-bar").wait_for()
    said = says(page, "error", "could not be downloaded", patience=60)
    assert "resnet18" in said and "proxy" in said and "put it into the folder" in said
    becomes(page.locator(".ud-bar").count, 0)
    assert (chosen(models), picture(page), k(page)) == (here, before, at)
    with follows(page):
        page.get_by_role("button", name="▶").first.click()
    says(page, "error", "^$")


# -- the page


@pytest.mark.slow
def test_voila_shows_the_panel_and_no_code(page, stage):
    if stage.name != "voila":
        pytest.skip("the others show the code, as they should")
    assert page.locator(".jp-InputArea, .cm-editor, .jp-CodeMirrorEditor").count() == 0
    assert "import unitdrop" not in page.locator("body").inner_text()
    left, right = page.locator(".ud-panel").first.evaluate(
        "e => { const box = e.getBoundingClientRect(), room = document.body.clientWidth;"
        " return [box.left, room - box.right] }"
    )
    assert left == pytest.approx(right, abs=20)  # in the middle


def test_what_is_run_again_leaves_one_panel(page, stage):
    with follows(page):
        page.get_by_role("button", name="▶").first.click()
    with follows(page):
        if stage.name == "voila":
            page.reload()
            page.wait_for_selector(PANEL)
        else:
            browser.run_again(page)
    becomes(lambda: [page.locator(name).count() for name in (".ud-panel", PANEL)], [1, 1])
    becomes(lambda: controls(page), stage.start)


@pytest.fixture(params=["light", "dark"])
def theme(stage, request):
    """The page in a theme, on a window that is high enough for all of the panel."""
    light = json.dumps(request.param == "light")
    if stage.page.evaluate("document.body.dataset.jpThemeLight") != light:
        if stage.name == "voila":
            stage.open(f"&theme={request.param}")
        else:
            browser.change_theme(stage.page, request.param.capitalize())
    stage.page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=light)
    yield request.param
    stage.page.set_viewport_size(SIZE)


@pytest.mark.slow
def test_all_of_the_panel_is_seen_wide_and_narrow_light_and_dark(stage, theme, page):
    part(page, "units").click()
    menu(page, "Beside").select_option(label="scope class")
    part(page, "beside").wait_for(state="visible")
    for width, height in ((1280, 1600), (700, 2300)):
        page.set_viewport_size({"width": width, "height": height})
        for words in ("Your own images", "Python and settings"):
            drawer(page, words)  # one at a time
            page.mouse.move(2, 2)  # no tooltip in the way
            page.locator(".ud-panel").first.evaluate("e => e.scrollIntoView()")
            page.wait_for_timeout(400)
            is_whole(page)
            assert browser.cut_off(page) == []
            stage.shoot(f"{theme}-{width}-{words.split()[0].lower()}")
    assert browser.errors(page) == []

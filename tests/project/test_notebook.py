"""The notebook: committed clean, and every cell runs where a newcomer opens it."""

import re
import shutil
from pathlib import Path

import nbclient
import nbformat
import pytest

REPO = Path(__file__).resolve().parents[2]
NOTEBOOK = REPO / "notebooks" / "unitdrop.ipynb"
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def written():
    return nbformat.read(NOTEBOOK, as_version=nbformat.NO_CONVERT)


@pytest.fixture(scope="module")
def executed(tmp_path_factory, written):
    """The notebook run from its own folder, the package being neither installed nor on the path."""
    root = tmp_path_factory.mktemp("clone")
    shutil.copytree(NOTEBOOK.parent, root / "notebooks", ignore=shutil.ignore_patterns("*.gif", ".*"))
    (root / "unitdrop").symlink_to(REPO / "unitdrop", target_is_directory=True)
    copy = nbformat.from_dict(written)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        patch.setenv("IPYTHONDIR", str(root / "ipython"))
        where = {"metadata": {"path": str(root / "notebooks")}}
        nbclient.NotebookClient(copy, timeout=600, kernel_name="python3", resources=where).execute()
    return copy, root


def outputs(notebook, cell):
    (found,) = (each for each in notebook.cells if each.id == cell)
    return found.outputs


def test_the_notebook_is_valid_and_committed_without_output_or_widget_state(written):
    nbformat.validate(written)
    assert (written.nbformat, written.nbformat_minor) == (4, 5)
    assert "widgets" not in written.metadata
    for cell in written.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None, cell.id


def test_no_measured_figure_is_written_into_the_text(written):
    for cell in written.cells:
        if cell.cell_type == "markdown":
            assert "%" not in cell.source, cell.id


def test_every_cell_runs_and_nothing_is_printed_to_stderr(executed):
    notebook, _ = executed
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text


def test_the_panel_is_shown_as_a_widget(executed):
    (output,) = outputs(executed[0], "panel")
    assert WIDGET in output.data


def test_the_gif_is_saved_beside_the_notebook(executed):
    notebook, root = executed
    (output,) = outputs(notebook, "gif")
    assert "image/gif" in output.data
    assert len(list((root / "notebooks").glob("*.gif"))) == 1


@pytest.mark.parametrize("insight", ["few", "focus", "falls", "inherit", "flips"])
def test_each_insight_is_measured_and_shown(executed, insight):
    shown = outputs(executed[0], insight)
    assert any("image/png" in output.get("data", {}) or output.get("name") == "stdout" for output in shown)


def test_the_look_alikes_inherit_more_than_chance_and_usurp_more_often_than_not(executed):
    said = "".join(o.get("text", "") for cell in ("inherit", "flips") for o in outputs(executed[0], cell))
    gain = re.search(r"receive (\d+)% of the gain; by chance it would be (\d+)%", said)
    share, chance = map(int, gain.groups())
    kin, images = map(int, re.search(r"a sibling in (\d+) of (\d+) images", said).groups())
    assert chance < 40 < 60 < share
    assert images == 40 and kin > 30


def test_a_cell_that_runs_again_in_a_kernel_leaves_as_many_widgets_as_after_the_first_run():
    source = (
        "import unitdrop\nfrom ipywidgets.widgets.widget import _instances\n"
        "panel = unitdrop.Panel()\nprint(len(_instances))"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    counts = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(REPO))
        client = nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3")
        with client.setup_kernel():
            for _ in range(3):
                client.execute_cell(notebook.cells[0], 0)
                counts.append(int(notebook.cells[0].outputs[0].text))
    assert counts[0] == counts[1] == counts[2] > 10

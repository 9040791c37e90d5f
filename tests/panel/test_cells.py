"""One cell, one panel: a cell that runs again leaves nothing of its earlier runs."""

import json
import shutil
from pathlib import Path

import nbclient
import nbformat
import pytest
from helpers.panels import is_closed

from unitdrop.panel import cells


def test_a_cell_that_runs_again_closes_what_it_made_before_and_only_that(monkeypatch, made):
    monkeypatch.setattr(cells, "_shown", {})
    run = {"cell": "one", "run": "1"}
    monkeypatch.setattr(cells, "running_cell", lambda: (run["cell"], run["run"]))
    first, beside = made(), made()
    run.update(cell="two", run="2")
    elsewhere = made()
    run.update(cell="one", run="3")
    again = made()
    closed = [is_closed(each) for each in (first, beside, elsewhere, again)]
    assert closed == [True, True, False, False]


def test_outside_a_notebook_panels_leave_each_other_alone(made):
    first, second = made(), made()
    assert not is_closed(first) and not is_closed(second)


NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


COUNT = """\
import gc as _gc, json as _json, threading as _threading
from ipywidgets.widgets.widget import _instances as _open
for _thread in _threading.enumerate():
    if _thread.name.startswith("unitdrop") or isinstance(_thread, _threading.Timer):
        _thread.join(60)
_gc.collect()
_kinds = [type(each).__name__ for each in _gc.get_objects()]
_figures = _kinds.count("SweepFigure") + _kinds.count("UnitsFigure")
print(_json.dumps({"widgets": len(_open), "figures": _figures, "threads": len(_threading.enumerate())}))
del _kinds, _thread
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unitdrop", "app"])
def test_every_cell_that_runs_ten_times_in_a_kernel_leaves_as_much_as_after_the_second_time(name, tmp_path):
    """All cells of a notebook in turn, ten times over; in the end the panel's cell five times running."""
    shutil.copytree(NOTEBOOKS, tmp_path / "notebooks", ignore=shutil.ignore_patterns("*.gif", ".*"))
    (tmp_path / "unitdrop").symlink_to(NOTEBOOKS.parent / "unitdrop", target_is_directory=True)
    notebook = nbformat.read(tmp_path / "notebooks" / f"{name}.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    (of_panel,) = (cell for cell in cells if cell.id == "panel")
    counter = nbformat.v4.new_code_cell(COUNT)
    notebook.cells = [*cells, counter]
    counts = []
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        patch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
        where = {"metadata": {"path": str(tmp_path / "notebooks")}}
        client = nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where)
        with client.setup_kernel():
            for batch in [cells] * 10 + [[of_panel]] * 5:
                for cell in [*batch, counter]:
                    client.execute_cell(cell, notebook.cells.index(cell))
                    assert not [o.text for o in cell.outputs if o.get("name") == "stderr"]
                counts.append(json.loads(counter.outputs[0].text))
    assert counts[-1] == counts[9] == counts[1] and counts[1]["figures"] and counts[1]["widgets"] > 10

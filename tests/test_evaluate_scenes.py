"""The figures that are claimed of the embedded network."""

import re

import numpy as np
import pytest

from unitdrop import evaluate_scenes as evaluate
from unitdrop.scenes import NAMES


def record(truth, prediction, confidence=0.8, usurper=None, flip=None, random_flip=None, on=True):
    return evaluate.Record(truth, prediction, confidence, usurper, flip, random_flip, on, 0.25)


def test_the_figures_of_the_card_by_hand():
    beach, island, farm = (NAMES.index(n) for n in ("beach", "island", "farm"))
    records = [
        record(beach, beach, 0.9, island, 4, 50),
        record(beach, beach, 0.7, farm, 10, None, on=False),
        record(farm, beach, 0.6, island, 2, 20, on=False),
        record(farm, farm, 0.8, None, None, 90),
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
    evaluate.write_card("new", card)
    assert card.read_text() == f"above\n{evaluate.START}\nnew\n{evaluate.END}\nbelow\n"


def test_a_run_on_fewer_images_leaves_the_card_alone(tmp_path, capsys):
    card = tmp_path / "CARD.md"
    card.write_text(f"{evaluate.START}\nold\n{evaluate.END}\n")
    evaluate.main(["--images", "20", "--card", str(card)])
    assert "| images | 20 |" in capsys.readouterr().out and "old" in card.read_text()


def card_figures() -> dict[str, float]:
    rows = re.findall(r"^\| ([^|]+) \| ([\d.,]+)(?: %)? \|$", evaluate.CARD.read_text("utf-8"), re.MULTILINE)
    return {name: float(value.replace(",", "")) for name, value in rows}


def test_the_card_reports_figures_within_the_promised_bounds():
    card = card_figures()
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
        assert 100 * shown[name] == pytest.approx(card_figures()[name], abs=5), name

"""Tables: every class at every k, and labels of any kind."""

import csv

import numpy as np
from helpers.exports import a_sweep

from unitdrop.export.table import save_csv


def test_the_table_holds_every_k_the_unit_dropped_its_weight_and_every_class(tmp_path, sweep):
    assert save_csv(tmp_path / "out.csv", sweep) == tmp_path / "out.csv"
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["k", "weight", "unit", *(f"p({label})" for label in sweep.readout.labels)]
    assert [row[0] for row in rows] == [str(k) for k in range(sweep.units + 1)]
    assert rows[0][1:3] == ["", ""]
    assert np.array_equal(np.array([row[3:] for row in rows], np.float32), sweep.curve)
    assert np.array_equal(np.array([row[2] for row in rows[1:]], int), sweep.ranking)
    assert np.array_equal(np.array([row[1] for row in rows[1:]], np.float32), sweep.weights_ranked)


def test_labels_of_any_kind_go_through_a_table_and_start_no_formula(tmp_path):
    labels = ("=cmd|'/c calc'!A1", "a\nb", 'say "hi", you', "\ud800lone")
    save_csv(tmp_path / "out.csv", a_sweep(labels=labels))
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        header = next(csv.reader(file))
    assert header[3:] == ["p(=cmd|'/c calc'!A1)", "p(a\nb)", 'p(say "hi", you)', "p(\\ud800lone)"]

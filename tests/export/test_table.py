"""Tables: every class at every k, and labels of any kind."""

import csv
import io
import re

import numpy as np
import pytest
from helpers.exports import a_sweep
from hypothesis import example, given
from hypothesis import strategies as st

from unitdrop.export.table import save_csv


def table_of(path):
    """The rows of a table, as Python's csv module reads it."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_the_table_holds_every_k_the_unit_dropped_its_weight_and_every_class(tmp_path, sweep):
    assert save_csv(tmp_path / "out.csv", sweep) == tmp_path / "out.csv"
    header, *rows = table_of(tmp_path / "out.csv")
    assert header == ["k", "weight", "unit", *(f"p({label})" for label in sweep.readout.labels)]
    assert [row[0] for row in rows] == [str(k) for k in range(sweep.units + 1)]
    assert rows[0][1:3] == ["", ""]
    assert np.array_equal(np.array([row[3:] for row in rows], np.float32), sweep.curve)
    assert np.array_equal(np.array([row[2] for row in rows[1:]], int), sweep.ranking)
    assert np.array_equal(np.array([row[1] for row in rows[1:]], np.float32), sweep.weights_ranked)


def test_labels_of_any_kind_go_through_a_table_and_start_no_formula(tmp_path):
    labels = (
        "=cmd|'/c calc'!A1",
        "a\nb",
        'say "hi", you',
        "\ud800lone",
        "a\rb",
        "nul\0",
        "\r\n",
        "crane",
        "crane",
    )
    save_csv(tmp_path / "out.csv", a_sweep(labels=labels))
    told = ("=cmd|'/c calc'!A1", "a\nb", 'say "hi", you', "\\ud800lone", "a\rb", "nul\\x00", "\r\n")
    assert table_of(tmp_path / "out.csv")[0][3:] == [
        f"p({label})" for label in (*told, "crane (7)", "crane (8)")
    ]


@pytest.mark.parametrize("mark", "=+-@\uff1d\uff0b\uff0d\uff20")
@pytest.mark.parametrize(
    "gap", ["\n", "\r", "\r\n", "\t", ";", "|", "\n ", '\n"', "\n,", "\x85", "\u2028", "\v", "\r\t"]
)
def test_a_formula_starts_neither_a_line_nor_a_cell_of_another_separator(tmp_path, gap, mark):
    save_csv(tmp_path / "out.csv", a_sweep(labels=(f"a{gap}{mark}cmd()", "b")))
    rows = table_of(tmp_path / "out.csv")
    assert rows[0][3] == f"p(a{gap}'{mark}cmd())" and len(rows) == 26
    text = (tmp_path / "out.csv").read_bytes().decode()
    # Numbers below the header begin with digits or a minus sign of their own.
    assert not re.search(rf"(?:^|[\n\r\t;|,\x85\u2028\v])[ \"]*{re.escape(mark)}", text.split("\n0,,,")[0])


LABEL = st.text("ab=+-@,;\t\r\n\"' \v\x85\u2028\0\x1b\ud800\u4e01", max_size=6) | st.text(max_size=5)


@given(st.lists(LABEL, min_size=2, max_size=4))
@example(["a\r", "\rb"])
@example(["", ""])
@example(["\0", "\\x00"])
def test_what_is_written_is_read_again_whatever_the_labels(tmp_path_factory, labels):
    defused = r"(?<=[\s;|,\"'])'(?=[=+\-@\uff1d\uff0b\uff0d\uff20])"
    sweep, path = a_sweep(units=3, labels=labels), tmp_path_factory.getbasetemp() / "any.csv"
    save_csv(path, sweep)
    rows = table_of(path)
    assert [len(row) for row in rows] == [3 + len(labels)] * 5 and len(set(rows[0])) == len(rows[0])
    assert np.array_equal(np.array([row[3:] for row in rows[1:]], np.float32), sweep.curve)
    for cell, label in zip(rows[0][3:], sweep.readout.labels, strict=True):
        if not re.search("[\0\ud800]", "".join(labels)):
            assert re.sub(defused, "", cell) == re.sub(defused, "", f"p({label})")
    # Readers that take universal newlines, or are given lines, find the same rows.
    text = path.read_bytes().decode()
    for lines in (
        io.StringIO(text, newline=None),
        text.splitlines(keepends=True),
        path.open(encoding="utf-8"),
    ):
        assert [row[3:] for row in list(csv.reader(lines))[1:]] == [row[3:] for row in rows[1:]]

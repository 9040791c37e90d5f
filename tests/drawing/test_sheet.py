"""The sheet fits texts to their room."""

import pytest
from matplotlib.backends.backend_agg import RendererAgg

from unitdrop.drawing.sheet import Sheet


def test_labels_that_differ_at_their_end_are_cut_in_the_middle_and_others_at_the_end():
    sheet = Sheet(960, 540, (960, 540))
    alike = ("long tailed bird of the river 1", "long tailed bird of the river 2", "wide bird of the old sea")
    sheet.tell_apart(alike)
    one, two, other = (sheet.fit(label, 110, 10) for label in alike)
    assert one != two and one.endswith("1") and two.endswith("2") and "…" in one
    assert other.endswith("…") and alike[2].startswith(other[:-1])
    assert max(sheet.measure(t, 10) for t in (one, two, other)) <= 110
    sheet.tell_apart(alike[1:])  # no other one begins like it now
    assert sheet.fit(alike[1], 110, 10)[-1] == "…"


def test_labels_that_would_look_alike_carry_their_index_even_when_they_are_cut():
    sheet = Sheet(960, 540, (960, 540))
    labels = (
        "丁鲷",
        "金鱼",
        "a\nb",
        "a b",
        "x" * 100_000,
        "x" * 99_999 + "y",
        "crane, a bird (134)",
        "crane, a bird (517)",
    )
    sheet.tell_apart(labels)
    assert [sheet.fit(label, 400, 10) for label in labels[:4]] == ["□□ (0)", "□□ (1)", "a b (2)", "a b (3)"]
    told = [sheet.fit(label, 80, 10) for label in labels[4:]]
    assert [words[-5:] for words in told] == ["… (4)", "… (5)", "(134)", "(517)"]
    assert len(set(told)) == 4 and max(sheet.measure(words, 10) for words in told) <= 80


@pytest.mark.parametrize("labels", [None, ("x" * 100_000, "x" * 99_999 + "y")], ids=["alone", "among others"])
def test_of_a_name_of_100_000_letters_no_more_than_200_are_ever_measured(labels, monkeypatch):
    sheet, measured = Sheet(960, 540, (960, 540)), []
    measures = RendererAgg.get_text_width_height_descent

    def told(self, words, *others):
        measured.append(len(words))
        return measures(self, words, *others)

    monkeypatch.setattr(RendererAgg, "get_text_width_height_descent", told)
    if labels:
        sheet.tell_apart(labels)
    assert sheet.measure(sheet.fit("x" * 100_000, 110, 10), 10) <= 110
    assert 0 < len(measured) < 40 and max(measured) <= 210

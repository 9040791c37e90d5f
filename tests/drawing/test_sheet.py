"""The sheet fits texts to their room."""

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

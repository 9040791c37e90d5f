"""Names of classes for people: no two alike, and none longer than anybody reads."""

from hypothesis import given
from hypothesis import strategies as st

from unitdrop.names import MOST_LETTERS, brief, distinct, shown_names, was_called

NAMES = st.lists(st.sampled_from(["crane", "crane (0)", "crane (1)", "crane (1) (1)", "owl", ""]), max_size=8)


@given(NAMES)
def test_names_that_repeat_get_their_index_and_no_two_are_the_same(names):
    told = distinct(names)
    assert len(set(told)) == len(told) == len(names) and distinct(told) == told
    for i, (name, given_name) in enumerate(zip(told, names, strict=True)):
        if names.count(given_name) == 1:
            assert name == given_name
        else:
            assert was_called(name, i, given_name) and name.startswith(given_name)


def test_a_name_was_called_so_only_with_its_own_index():
    assert was_called("crane (1)", 1, "crane") and was_called("crane (1) (1)", 1, "crane")
    for name in ("crane", "crane (2)", "crane (11)", "crane (1)x", "xcrane (1)"):
        assert not was_called(name, 1, "crane")


def test_long_names_are_cut_at_200_letters_and_keep_their_index_where_they_begin_alike():
    names = ("a" * 100_000, "a" * 99_999 + "b", "b" * 100_000, "c" * 200)
    told = shown_names(names)
    assert told[0] == "a" * 199 + "… (0)" and told[1] == "a" * 199 + "… (1)"
    assert told[2] == "b" * 199 + "…" and told[3] == "c" * 200
    assert len(brief("x" * 201)) == MOST_LETTERS == 200


def test_names_that_look_alike_once_they_are_clean_keep_their_index():
    assert shown_names(("a\nb", "a b", "c\x1b", "c\x07", "d")) == (
        "a b (0)", "a b (1)", "c? (2)", "c? (3)", "d",
    )  # fmt: skip


@given(st.lists(st.text(max_size=4) | st.text("ab ", min_size=198, max_size=205), max_size=6))
def test_no_two_shown_names_are_the_same(names):
    assert len(set(shown_names(names))) == len(names)

"""What was noticed is heard by the one who listens, and a warning where nobody does."""

import threading
import warnings

import pytest

from unitdrop.notices import Notice, listening, say


def test_without_a_listener_it_is_a_warning_that_points_at_the_caller():
    with pytest.warns(Notice, match="a prefix"):
        say("a prefix was taken off")


def test_the_innermost_listener_hears_it_and_no_warning_is_issued():
    outer, inner = [], []
    with warnings.catch_warnings(), listening(outer.append):
        warnings.simplefilter("error")
        say("one")
        with listening(inner.append):
            say("two")
        say("three")
    assert (outer, inner) == (["one", "three"], ["two"])


def test_a_listener_is_gone_after_an_error():
    heard = []
    with pytest.raises(KeyError), listening(heard.append):
        raise KeyError
    with pytest.warns(Notice):
        say("after")
    assert heard == []


def test_another_thread_has_no_listener_of_this_one():
    heard, warned = [], []

    def work():
        with pytest.warns(Notice) as records:
            say("from a thread")
        warned.extend(str(record.message) for record in records)

    with listening(heard.append):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert (heard, warned) == ([], ["from a thread"])

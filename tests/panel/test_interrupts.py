"""Ctrl-C at any moment: raised once, with picture, state and controls in step."""

import contextlib
import random
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from pathlib import Path

import pytest
from helpers.hand import Hand, agree, files, free
from helpers.panels import seen

from unitdrop.panel import panel
from unitdrop.panel.toolkit import family


@pytest.fixture
def interruptible():
    """Ctrl-C raises KeyboardInterrupt here, whatever the tests are run by."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)


def strike(after):
    """Interrupt the main thread, after so many seconds."""
    main = threading.main_thread().ident
    threading.Timer(after, signal.pthread_kill, [main, signal.SIGINT]).start()


def struck(fire, after):
    """Fire events until an interrupt that is on its way has arrived: the functions that it went through."""
    deadline = time.monotonic() + 30
    try:
        strike(after)
        while time.monotonic() < deadline:
            fire()
    except KeyboardInterrupt as error:
        return [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
    raise AssertionError("an interrupt was swallowed")


def observers(a_panel):
    """How many callbacks there are on each control."""
    found = family([a_panel.widget]), vars(a_panel.controls).values()
    return [len(calls) for w in found[0] for named in w._trait_notifiers.values() for calls in named.values()]


@pytest.mark.slow
def test_200_interrupts_at_random_moments_leave_picture_and_state_in_step_and_none_is_swallowed(
    stormy, made_small, network, offered, interruptible
):
    """One that lands before the callback begins leaves the control as it was moved, until the next event."""
    (used, page), rng, where = stormy, random.Random(0), Counter()
    oracle = made_small([*used.controller.networks.at_hand.values()], files(offered))
    oracle.controller.gallery.sources = used.controller.gallery.sources
    hand, callbacks, hooks = Hand(used, page, 5, offered), observers(used), hooked(network)
    for _ in range(200):
        through = struck(hand.move_any, rng.uniform(0, 0.03))
        place = landed(through)
        where[place] += 1
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, through
        assert seen(used) == oracle.controller.renderer.render(used.state), through
        if place != "before":
            agree(used, page)
        page.move(used.controls.k, value=(used.state.k + 1) % (used.controls.k.max + 1))
        agree(used, page)
    assert where.total() == 200 and where.total() - where["before"] >= 150, where
    assert observers(used) == callbacks and hooked(network) == hooks and free(used.controller.lock)


def landed(through):
    """Where in a callback an interrupt landed: in drawing, in other work, or put off; or before it."""
    callbacks = [i for i, name in enumerate(through) if name in ("ask", "attempt")]
    inner = through[callbacks[-1] + 1 :] if callbacks else []
    if not inner or inner[0] == "__enter__":
        return "before"
    if inner[0] == "__exit__":
        return "put off"
    return "drawing" if "draw" in inner else "computing"


def hooked(network):
    modules = [*network.module.modules()]
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in modules), network.module.training


@pytest.mark.parametrize("broken", [None, ValueError("Invalid affine transformation matrix")])
def test_an_interrupt_that_compiled_code_drops_or_makes_another_error_of_is_raised_all_the_same(
    made_small, interruptible, broken
):
    used = made_small()
    picture = used.controller.renderer
    draw = picture.draw

    def dropped(state):
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        if broken:
            raise broken
        return draw(state)

    picture.draw = dropped
    with pytest.raises(KeyboardInterrupt):
        used.controls.k.value = 2
    del picture.draw
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert seen(used) == picture.draw(used.state)
    agree(used)


def test_an_interrupt_put_off_by_a_commit_is_no_error_of_the_panel(made_small, interruptible, monkeypatch):
    used = made_small(top=1)
    settings, show = used.settings.replace('"k": 1', '"k": 3'), used.controls.show

    def struck_while_committing(state, offer):
        show(state, offer)
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(used.controls, "show", struck_while_committing)
        with pytest.raises(KeyboardInterrupt):
            used.controls.settings.value = settings
    assert used.state.k == 3 and used.controls.error.value == ""
    agree(used)


class Tripwire:
    """Interrupts the main thread when a certain line of the panel's own is reached; counts lines without one.

    Lines of contextlib count too where the panel's own code calls it.
    """

    OURS = str(Path(panel.__file__).parent)

    def __init__(self, line=None):
        self.line, self.lines = line, []

    def __enter__(self):
        self._before = sys.gettrace()
        sys.settrace(self._called)
        return self

    def __exit__(self, *error):
        sys.settrace(self._before)

    def _called(self, frame, event, arg):
        ours = [each.f_code.co_filename.startswith(self.OURS) for each in (frame, frame.f_back)]
        if ours[0] or (ours[1] and frame.f_code.co_filename == contextlib.__file__):
            return self._reached
        return None

    def _reached(self, frame, event, arg):
        if event == "line":
            self.lines.append((frame.f_code.co_name, frame.f_lineno))
            if len(self.lines) - 1 == self.line:
                sys.settrace(None)
                signal.raise_signal(signal.SIGINT)
        return self._reached


def tripped(line, work):
    """Do what is interrupted at a line: the function that this was in."""
    try:
        with Tripwire(line) as wire:
            work()
    except KeyboardInterrupt:  # and not `pytest.raises`, which holds on to all that it went through
        return wire.lines[-1][0]
    raise AssertionError(f"the interrupt at line {line} was swallowed")


def test_an_interrupt_at_any_line_of_a_callback_is_raised_once_and_leaves_all_in_step(
    made_small, interruptible, quiet
):
    used = made_small(top=1)
    controls = used.controls
    controls.units_row.value, controls.beside.value, controls.drawers.selected_index = (
        True,
        ("scope", "class"),
        1,
    )
    pictures = {}
    for k in (2, 1, 2, 1):
        with Tripwire() as dry:
            controls.k.value = k
        pictures[k] = seen(used)
    often = Counter()
    for line, name in enumerate(dry.lines):
        often[name] += 1
        if often[name] > 2:  # the third round of a loop is like the second
            continue
        last = tripped(line, lambda: setattr(controls.k, "value", 2))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, name
        assert seen(used) == pictures[used.state.k], name
        assert controls.k.value == used.state.k or last in ("changed", "ask", "__enter__"), name
        assert not used.controller.setting and free(used.controller.lock), name
        for k in (2, 1):  # so that each round begins with the same caches
            controls.k.value = k
        agree(used)
        assert seen(used) == pictures[1] and controls.error.value == ""
        assert "forward" not in controls.status.value

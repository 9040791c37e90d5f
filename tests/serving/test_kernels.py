"""How many kernels there are, and what may be sent to one; without any kernel."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from tornado.web import HTTPError

from unitdrop.serving import kernels
from unitdrop.serving.kernels import (
    LOST,
    MOST_BROUGHT,
    MOST_WAITING,
    AsyncMappingKernelManager,
    BoundedKernels,
)


@pytest.fixture
def manager(monkeypatch):
    """A manager of two kernels at most, whose kernels are names with the time of their last move."""
    alive, asker = {}, SimpleNamespace(gone=False, sent=None)

    async def start(self, **given):
        name = f"kernel {len(started)}"
        started.append(name)
        alive[name] = SimpleNamespace(last_activity=datetime.now(UTC))
        return name

    async def shutdown(self, name, now=False):
        del alive[name]

    started = []
    monkeypatch.setattr(AsyncMappingKernelManager, "start_kernel", start)
    monkeypatch.setattr(AsyncMappingKernelManager, "shutdown_kernel", shutdown)
    monkeypatch.setattr(AsyncMappingKernelManager, "list_kernel_ids", lambda self: list(alive))
    monkeypatch.setattr(AsyncMappingKernelManager, "get_kernel", lambda self, name: alive[name])
    monkeypatch.setattr(kernels.CallContext, "get", lambda name: asker)
    made = BoundedKernels(most=2)
    made.alive, made.asker = alive, asker
    return made


def start(manager):
    return asyncio.run(manager.start_kernel())


def test_no_more_are_started_than_there_may_be(manager):
    start(manager), start(manager)
    with pytest.raises(HTTPError) as refused:
        start(manager)
    assert refused.value.status_code == 503 and len(manager.alive) == 2


def test_of_many_that_come_at_once_as_many_get_in_as_there_are_places(manager):
    async def all_at_once():
        return await asyncio.gather(*(manager.start_kernel() for _ in range(20)), return_exceptions=True)

    found = asyncio.run(all_at_once())
    assert sum(isinstance(each, str) for each in found) == 2 and len(manager.alive) == 2


def test_one_whose_page_was_left_makes_room_and_one_that_is_in_use_does_not(manager):
    first, second = start(manager), start(manager)
    manager.notify_connect(first), manager.notify_connect(second), manager.notify_connect(second)
    manager.notify_disconnect(second)
    with pytest.raises(HTTPError):
        start(manager)
    manager.notify_disconnect(first)
    third = start(manager)
    assert set(manager.alive) == {second, third}


@pytest.mark.parametrize("change", [{"gone": True}, {"sent": time.monotonic() - kernels.ARRIVES - 1}])
def test_one_whose_page_never_came_to_its_reader_makes_room(manager, change):
    first, second = start(manager), start(manager)
    manager.notify_connect(second)
    with pytest.raises(HTTPError):
        start(manager)
    vars(manager.asker).update(change)
    assert set(manager.alive) == {first, second} and start(manager) in manager.alive
    assert first not in manager.alive and second in manager.alive


def test_an_open_page_that_was_forgotten_makes_room_the_oldest_first(manager):
    names = [start(manager), start(manager)]
    for name, minutes in zip(names, (40, 90), strict=True):
        manager.notify_connect(name)
        manager.alive[name].last_activity = datetime.now(UTC) - timedelta(minutes=minutes)
    start(manager)
    assert names[0] in manager.alive and names[1] not in manager.alive


def test_connections_and_files_of_one_kernel_are_bounded(manager):
    name = start(manager)
    for _ in range(kernels.CONNECTIONS):
        assert manager.takes_another(name)
        manager.notify_connect(name)
    assert not manager.takes_another(name)
    assert manager.takes_file(name, MOST_BROUGHT) and not manager.takes_file(name, 1)
    assert manager.takes_file(name, 0) and manager.takes_file("another", 1)


def test_a_page_waits_until_its_kernel_has_done_what_it_sent(manager):
    name, count = start(manager), 0
    while manager.takes_message(name, f"message {count}", 9_000):
        count += 1
    assert count == MOST_WAITING // 10_000
    assert not manager.takes_message(name, "one more", 9_000)
    assert manager.takes_message(start(manager), "one more", 9_000)  # others do not wait
    manager.done(name, "message 3")
    manager.done(name, "never sent")
    assert not manager.takes_message(name, "message 4", 9_000)  # it waits already
    assert manager.takes_message(name, "one more", 9_000) and not manager.takes_message(name, "two more", 1)


def test_a_message_of_which_nothing_is_heard_is_forgotten(manager, monkeypatch):
    name = start(manager)
    assert manager.takes_message(name, "lost", MOST_WAITING - 1_000)
    assert not manager.takes_message(name, "next", 1)
    later = time.monotonic() + LOST + 1
    monkeypatch.setattr(kernels.time, "monotonic", lambda: later)
    assert manager.takes_message(name, "next", 1)

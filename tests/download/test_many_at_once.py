"""Several processes and threads share one download; one that is killed leaves no bad file."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import server
from helpers.downloads import FULL_SIZE, PATH, Cancelled, heals, installed, left_over, served, sha256, until

from unitdrop.download import fetch

ROOT = Path(__file__).resolve().parents[2]
posix_only = pytest.mark.skipif(os.name != "posix", reason="permissions and signals of POSIX")

CHILD = """
import json, sys

sys.path.insert(0, sys.argv[1])
from unitdrop.download import Remote, fetch

given = json.loads(sys.argv[2])
print("ready", flush=True)
if given:
    print(fetch(Remote(**given)))
else:
    print(*sys.modules)
"""


@contextmanager
def process(remote=None):
    """Another process that fetches the file; it is gone at the end of the block."""
    given = vars(remote) | {"folder": str(remote.folder)} if remote else None
    command = [sys.executable, "-c", CHILD, str(ROOT), json.dumps(given)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "ready\n", child.stderr.read()
        yield child
    finally:
        child.kill()
        child.communicate()


def test_the_module_loads_neither_torch_nor_anything_of_the_panel():
    with process() as child:
        loaded = set(child.communicate(timeout=60)[0].split())
    assert not loaded & {"torch", "torchvision", "ipywidgets", "IPython", "matplotlib", "numpy"}


@posix_only
def test_ctrl_c_leaves_no_partial_file_and_no_lock(remote, table):
    with served(remote, server.slow(100_000)) as (faulty, site), process(faulty) as child:
        until(lambda: site.sent[PATH] > 20_000)
        assert left_over(remote) == [".unitdrop-net.pth.partial"]
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=10)
    assert errors.rstrip().endswith("KeyboardInterrupt") and child.returncode != 0
    assert installed(remote) == "nothing" and left_over(remote) == []
    table.append(("SIGINT", 1, "KeyboardInterrupt, nothing left behind", installed(remote)))
    assert heals(remote)


@posix_only
def test_a_killed_process_leaves_no_file_and_its_litter_is_cleared(remote, full_size, table):
    remote = replace(remote, sha256=sha256(full_size), size=FULL_SIZE)
    with served(remote, server.slow(200e6), full_size) as (faulty, site), process(faulty) as child:
        until(lambda: site.sent[PATH] > FULL_SIZE / 2)
        child.kill()
        child.wait()
    assert installed(remote) == "nothing" and left_over(remote) == [".unitdrop-net.pth.partial"]
    table.append(("SIGKILL, full size", 1, "litter in our folder, cleared by the next", installed(remote)))
    assert heals(remote, full_size)


@posix_only
def test_when_the_one_that_downloads_is_killed_the_one_that_waits_goes_on(remote, table):
    with served(remote, server.once(server.slow(100_000))) as (well, site), process(well) as first:
        until(lambda: site.sent[PATH] > 10_000)
        with process(well) as second:
            time.sleep(0.1)
            first.kill()
            until(lambda: second.poll() is not None)
            assert second.returncode == 0 and site.hits[PATH] == 2
    assert installed(remote) == "the right file" and left_over(remote) == []
    table.append(("SIGKILL of one of two", 2, "the other goes on", installed(remote)))


def test_four_processes_at_once_make_one_download(remote, full_size, table):
    remote = replace(remote, sha256=sha256(full_size), size=FULL_SIZE)
    with served(remote, server.slow(100e6), full_size) as (well, site), ExitStack() as stack:
        children = [stack.enter_context(process(well)) for _ in range(4)]
        ends = [child.communicate(timeout=60) for child in children]
    assert ends == [(f"{remote.path}\n", "")] * 4 and site.hits[PATH] == 1
    assert installed(remote) == "the right file" and left_over(remote) == []
    table.append(("four processes, full size", 1, "one download, four times the file", installed(remote)))


def test_four_threads_at_once_make_one_download(remote):
    with served(remote, server.slow(1_000_000)) as (well, site):
        threads = [threading.Thread(target=fetch, args=[well]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert site.hits[PATH] == 1 and installed(remote) == "the right file" and left_over(remote) == []


def test_two_files_in_one_folder_are_fetched_side_by_side(remote):
    with served(remote, server.slow(400_000)) as (one, site):
        other = replace(one, file="other.pth")
        threads = [threading.Thread(target=fetch, args=[which]) for which in (one, other)]
        for thread in threads:
            thread.start()
        until(lambda: site.hits[PATH] == 2)
        assert not one.path.exists() and not other.path.exists()
        for thread in threads:
            thread.join()
    assert installed(one) == installed(other) == "the right file"


def test_until_it_is_whole_the_file_is_not_there(remote):
    seen = []
    with served(remote, server.slow(600_000)) as (well, _):
        fetch(well, progress=lambda *_: seen.append(well.path.exists() or well.cached))
    assert seen and not any(seen) and well.cached


def test_cancel_is_heard_while_another_process_downloads(remote):
    calls = []

    def cancel(*call):
        calls.append(call)
        if len(calls) == 2:
            raise Cancelled

    with served(remote, server.slow(20_000)) as (well, site), process(well):
        until(lambda: site.sent[PATH] > 2_000)
        began = time.monotonic()
        with pytest.raises(Cancelled):
            fetch(well, progress=cancel)
        assert time.monotonic() - began < 5 and calls == [(0, None)] * 2 and site.hits[PATH] == 1

"""Networks that are not there, or not to be trusted: each comes to one sentence in plain words."""

import shutil
import socket
import subprocess
from dataclasses import replace

import pytest
from helpers import server
from helpers.downloads import (
    HALF,
    PATH,
    SMALL,
    Cancelled,
    assert_helpful,
    assert_no_thread_is_left,
    cancel_after,
    installed,
    left_over,
    outcome_of,
    served,
)
from helpers.server import serving

from unitdrop.download import connection, fetch


@pytest.mark.parametrize(
    ("name", "url", "words"),
    [
        ("offline: no such name", "http://weights.invalid/net.pth", "its name is not found"),
        ("offline: refused", None, "it refuses the connection"),
        ("no http address", "ftp://example.org/net.pth", "not an http or https address"),
        ("no address at all", "net.pth", "not an http or https address"),
        ("no TLS there", "https", "the server cannot be reached"),
    ],
)
def test_no_network_gives_a_sentence_that_says_where_to_put_the_file_by_hand(name, url, words, remote, table):
    with serving({PATH: SMALL}) as site:
        secure = site.url(PATH).replace("http:", "https:")
        refused = f"http://127.0.0.1:{server.closed_port()}{PATH}"
        remote = replace(remote, url={None: refused, "https": secure}.get(url, url))
        error = outcome_of(remote)
    assert words in str(error)
    assert_helpful(str(error), remote)
    assert installed(remote) == "nothing" and left_over(remote) == []
    table.append((name, "-", f"error: {words}", installed(remote)))


def test_a_server_that_never_accepts_is_given_up_after_the_limit(remote, monkeypatch):
    monkeypatch.setattr(connection, "CONNECT", 0.3)
    with socket.socket() as full:  # a queue of one that is full: further connections wait for ever
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        error = outcome_of(replace(remote, url=f"http://127.0.0.1:{full.getsockname()[1]}/"))
        for one in waiting:
            one.close()
    assert "no answer within 0." in str(error)


def test_the_proxy_of_the_environment_is_used(remote, monkeypatch):
    with serving({remote.url: SMALL}) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url(""))
        assert fetch(remote).read_bytes() == SMALL
    error = outcome_of(replace(remote, file="another.pth"))
    assert "the proxy cannot be reached" in str(error)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of this machine's that nobody else trusts, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    openssl = shutil.which("openssl") or pytest.skip("there is no openssl to make a certificate with")
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]]
    subprocess.run(command, check=True, capture_output=True)
    return files


def test_a_certificate_that_is_not_trusted_is_not_tried_again(remote, certificate, table):
    with serving({PATH: SMALL}, tls=certificate) as site:
        error = outcome_of(replace(remote, url=site.url(PATH)))
    assert "tries" not in str(error) and "certificate is not trusted" in str(error)
    assert_helpful(str(error), replace(remote, url=site.url(PATH)))
    table.append(("certificate not trusted", 0, "error: certificate", installed(remote)))


def test_a_trusted_connection_works_and_is_hung_up_when_it_stalls(remote, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with serving({PATH: SMALL}, server.once(server.stalled(HALF)), tls=certificate) as site:
        remote = replace(remote, url=site.url(PATH))
        with pytest.raises(Cancelled):
            fetch(remote, progress=cancel_after(0.3))
        assert_no_thread_is_left()
        assert fetch(remote).read_bytes() == SMALL and site.hits[PATH] == 2


def test_a_redirect_is_followed(remote):
    faults = {PATH: server.redirecting("/mirror")}
    with serving({PATH: b"", "/mirror": SMALL}, faults) as site:
        assert fetch(replace(remote, url=site.url(PATH))).read_bytes() == SMALL
        assert site.hits == {PATH: 1, "/mirror": 1}


def test_the_server_is_asked_for_the_plain_bytes(remote):
    with served(remote) as (well, site):
        fetch(well)
    assert site.requests[0][1]["Accept-Encoding"] == "identity"

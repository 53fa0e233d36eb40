"""Fetching a set: what is not it never stays, and what went wrong is said in words that help."""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tuinet.data import DataSettings, bind, catalog, download, get, sets
from tuinet.data.sets import RemoteFile, SetInfo, TableForm
from tuinet.errors import DataError, DiskFull, DownloadError, UsageError

TABLE = b"".join(b"%d,%d,%d\n" % (value, value * 7 % 50, value % 2) for value in range(20_000))
PACKED = gzip.compress(TABLE)
OTHER = gzip.compress(TABLE.replace(b"7", b"8"))
BOMB = gzip.compress(b"0" * 40_000_000)
FILE = RemoteFile("small.csv.gz", len(PACKED), hashlib.sha256(TABLE).hexdigest(), len(TABLE))
PLAIN = RemoteFile("plain.csv", len(TABLE), FILE.raw_sha256, len(TABLE))


class Server(ThreadingHTTPServer):
    """Answers every request as `behave` says; what was asked for is in paths."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.paths: list[str] = []
        self.behave: Callable[[Any], None] = right
        self.over = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        with contextlib.suppress(OSError):  # the client may have gone
            self.server.behave(self)

    def head(self, length: int | None, code: int = 200) -> None:
        self.send_response(code)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


def content_of(path: str) -> bytes:
    return PACKED if path.endswith(".gz") else TABLE


def right(handler: Handler) -> None:
    content = content_of(handler.path)
    handler.head(len(content))
    handler.wfile.write(content)


def without_length(handler: Handler) -> None:
    handler.head(None)
    handler.wfile.write(content_of(handler.path))


def packed_otherwise(handler: Handler) -> None:
    content = gzip.compress(TABLE, 1, mtime=5)
    handler.head(len(content))
    handler.wfile.write(content)


def truncated(handler: Handler) -> None:
    handler.head(len(PACKED))
    handler.wfile.write(PACKED[: len(PACKED) // 2])


def truncated_without_length(handler: Handler) -> None:
    handler.head(None)
    handler.wfile.write(PACKED[: len(PACKED) // 2])


def another(handler: Handler) -> None:
    handler.head(len(OTHER))
    handler.wfile.write(OTHER)


def page(handler: Handler) -> None:
    handler.head(20)
    handler.wfile.write(b"<html>log in</html>\n")


def endless(handler: Handler) -> None:
    handler.head(None)
    while not handler.server.over.is_set():
        handler.wfile.write(b"0" * 65_536)


def bomb(handler: Handler) -> None:
    handler.head(len(BOMB))
    handler.wfile.write(BOMB)


def missing(handler: Handler) -> None:
    handler.head(0, 404)


def failing(handler: Handler) -> None:
    handler.head(0, 503)


def stalled(handler: Handler) -> None:
    handler.head(len(PACKED))
    handler.wfile.write(PACKED[:1_000])
    handler.wfile.flush()
    handler.server.over.wait(20)


def trickling(handler: Handler) -> None:
    handler.head(len(PACKED))
    for place in range(0, len(PACKED), 10):
        handler.wfile.write(PACKED[place : place + 10])
        handler.wfile.flush()
        if handler.server.over.wait(0.05):
            return


def silent(handler: Handler) -> None:
    handler.server.over.wait(20)


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield one
    one.over.set()
    one.shutdown()
    one.server_close()


@pytest.fixture
def small(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SetInfo:
    """A set of one gzipped table that the server has, and an empty cache."""
    info = SetInfo(
        name="small", title="a small table", kind="on_demand", form="tables", examples=20_000, inputs=(2,),
        task="binary", licence="own", files=(FILE,), urls=(f"http://127.0.0.1:{server.server_port}/one/{{file}}",),
        table=TableForm(columns=("a", "b", "c")),
    )  # fmt: skip
    monkeypatch.setitem(sets.BY_NAME, "small", info)
    monkeypatch.setenv("TUINET_DATA", str(tmp_path / "cache"))
    monkeypatch.delenv("TUINET_MIRROR", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return info


def left(info: SetInfo) -> list[str]:
    return sorted(os.listdir(info.folder)) if info.folder.is_dir() else []


@pytest.mark.parametrize("behave", [right, without_length, packed_otherwise])
def test_a_set_is_fetched_checked_kept_and_used(server: Server, small: SetInfo, behave: Any) -> None:
    server.behave = behave
    assert small.state == "not fetched"
    seen: list[tuple[int, int]] = []
    info = get("small", progress=lambda done, total: seen.append((done, total)))
    assert (info.state, left(small)) == ("cached", ["small.csv.gz"])
    assert seen[-1] == (FILE.bytes, FILE.bytes) and [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert bind(DataSettings(set="small")).facts.source == "cached"
    get("small")
    assert len(server.paths) == 1  # what is there is not fetched again


@pytest.mark.parametrize(
    ("behave", "words"),
    [
        (truncated, "stopped after"),
        (truncated_without_length, "ends after"),
        (another, "its sha256 is not the one known here"),
        (page, "ends after 20 of"),
        (endless, "sends more than the"),
        (bomb, "holds more than the"),
        (missing, "answers 404: the file is not there any more"),
        (failing, "answers 503"),
        (stalled, "nothing came for 0.3 seconds"),
        (silent, "nothing came for 0.3 seconds"),
        (trickling, "bytes came in"),
    ],
)
def test_what_is_not_the_set_never_stays(server: Server, small: SetInfo, behave: Any, words: str) -> None:
    server.behave = behave
    begun = time.monotonic()
    with pytest.raises(DownloadError) as caught:
        get("small", quiet=0.3, slow=0.6)
    assert words in str(caught.value) and "127.0.0.1" in str(caught.value) and str(small.folder) in str(caught.value)
    assert left(small) == [] and small.state == "not fetched"
    assert time.monotonic() - begun < 8


def test_the_second_address_is_tried_when_the_first_fails(
    server: Server, small: SetInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.behave = lambda handler: (missing if "/one/" in handler.path else right)(handler)
    two = (*small.urls, small.urls[0].replace("/one/", "/two/"))
    monkeypatch.setitem(sets.BY_NAME, "small", SetInfo(**{**vars(small), "urls": two}))
    assert get("small").state == "cached"
    assert server.paths == ["/one/small.csv.gz", "/two/small.csv.gz"]


def test_a_mirror_stands_in_for_all_addresses(server: Server, small: SetInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUINET_MIRROR", f"http://127.0.0.1:{server.server_port}/mirror/")
    get("small")
    assert server.paths == ["/mirror/small/small.csv.gz"]
    monkeypatch.setenv("TUINET_MIRROR", "file:///etc")
    monkeypatch.setenv("TUINET_DATA", str(small.folder / "elsewhere"))
    with pytest.raises(UsageError, match="must begin with http"):
        get("small")


def test_no_network_is_said_in_plain_words(server: Server, small: SetInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = Server()
    port = dead.server_port
    dead.server_close()
    urls = (f"http://127.0.0.1:{port}/{{file}}", "http://no-such-host.invalid/{file}")
    monkeypatch.setitem(sets.BY_NAME, "small", SetInfo(**{**vars(small), "urls": urls}))
    with pytest.raises(DownloadError) as caught:
        get("small", quiet=5)
    assert "nobody answers there" in str(caught.value)
    assert "put it into" in str(caught.value)


def test_a_name_that_cannot_be_looked_up_means_no_network() -> None:
    import socket
    import urllib.error

    unknown = urllib.error.URLError(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    assert "there seems to be no network" in download._answer(unknown, 1)
    unreachable = urllib.error.URLError(OSError(errno.ENETUNREACH, "Network is unreachable"))
    assert "there seems to be no network" in download._answer(unreachable, 1)


def test_a_full_disk_is_said_and_nothing_stays(server: Server, small: SetInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download.os, "fsync", full)
    with pytest.raises(DiskFull, match="no room left"):
        get("small")
    assert left(small) == []


def test_a_cache_that_is_no_folder_is_said(server: Server, small: SetInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    small.folder.parent.mkdir(parents=True)
    small.folder.write_text("a file")
    with pytest.raises(DownloadError, match="cannot be written"):
        get("small")


@pytest.mark.parametrize("name", ["small.csv.gz", "small.csv"])
@pytest.mark.parametrize("place", ["small", "."])
def test_files_put_there_by_hand_are_found(small: SetInfo, name: str, place: str) -> None:
    folder = small.folder.parent / place
    folder.mkdir(parents=True)
    (folder / name).write_bytes(content_of(name))
    assert small.state == "cached" and bind(DataSettings(set="small")).facts.name == "small"


def test_a_file_that_was_changed_is_refused_and_fetched_anew(server: Server, small: SetInfo) -> None:
    get("small")
    (small.folder / FILE.name).write_bytes(gzip.compress(TABLE[:-1] + b"9"))
    with pytest.raises(DataError, match=r"sha256 differs.*data get small"):
        bind(DataSettings(set="small"))
    get("small")
    bind(DataSettings(set="small"))


def test_a_set_that_is_not_here_says_how_to_get_it(small: SetInfo) -> None:
    with pytest.raises(DataError, match=r"`tuinet data get small` fetches it .* or put small\.csv\.gz into"):
        bind(DataSettings(set="small"))


def test_an_embedded_set_needs_no_fetching() -> None:
    with pytest.raises(UsageError, match="always here"):
        get("fashion")


def test_every_set_on_demand_has_addresses_sizes_and_hashes() -> None:
    for info in catalog():
        if info.kind == "on_demand":
            assert info.files and info.urls and all("{file}" in url for url in info.urls), info.name
            for file in info.files:
                assert len(file.raw_sha256) == 64 and file.bytes > 0 and file.raw_bytes >= file.bytes * 0.9
                assert "/" not in file.name

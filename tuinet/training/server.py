"""A worker's socket: any number of clients, none of which can slow the training.

A thread of its own accepts, reads and writes. What clients ask goes to the training (`control.py`), which answers
between two stretches; what the training tells goes to all of them. A client that does not read is behind, then
loses what a newer message says better, and at last its connection: it may come back and read the run's files.
"""

from __future__ import annotations

import contextlib
import os
import queue
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from tuinet.errors import RunError
from tuinet.runs.folder import RunFolder
from tuinet.training import protocol
from tuinet.training.protocol import ASKED_LIMIT, Frames, ProtocolError, Refused, checked, encode

BEHIND = 1 << 20  # bytes a client may be behind before it misses what may be lost ...
GONE = 64 << 20  # ... and before it is given up
MOST_CLIENTS = 64
READ = 64 << 10


class Request:
    """Something a client wants. Answered once, from any thread."""

    def __init__(self, server: Server, client: _Client, number: object, command: str, fields: dict[str, Any]) -> None:
        self.command, self.fields = command, fields
        self._server, self._client, self._number = server, client, number

    def answer(self, fields: Mapping[str, Any] | None = None, body: bytes = b"") -> None:
        self._server.send(encode({"re": self._number, "ok": True, **(fields or {})}, body), self._client)

    def refuse(self, why: str) -> None:
        self._server.send(encode({"re": self._number, "error": why}), self._client)


class Server:
    """Listens from `start()` to `close()`."""

    def __init__(self, run: RunFolder, take: Callable[[Request], None], hello: Callable[[], Mapping[str, Any]]) -> None:
        """take: is handed each request, in the server's thread. hello: what a new client is told first."""
        self.path = protocol.socket_path(run)
        self._take, self._hello = take, hello
        self._clients: dict[int, _Client] = {}
        self._out: queue.SimpleQueue[tuple[bytes, _Client | None, bool]] = queue.SimpleQueue()
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self._nudged, self._nudge = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="server", daemon=True)
        self._closing = False

    def start(self) -> None:
        """RunError where there can be no socket: the training goes on, and nobody can watch it live."""
        try:
            _own_folder(self.path.parent)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener = listener
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()  # a killed worker's: whoever has the run's lock is the only one to listen here
            protocol.at(self.path, listener.bind)
            os.chmod(self.path, 0o600)
            listener.listen(16)
        except OSError as error:
            self._release()
            raise RunError(
                f"no socket can be made in {self.path.parent} ({error.strerror or error}); "
                "the run trains, but no screen can be attached to it"
            ) from error
        for end in (listener, self._nudged, self._nudge):
            end.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, None)
        self._selector.register(self._nudged, selectors.EVENT_READ, None)
        self._thread.start()

    @property
    def clients(self) -> int:
        return len(self._clients)

    def tell(self, fields: Mapping[str, Any], *, may_be_lost: bool = False) -> None:
        """To every client. may_be_lost: left out for those who are behind."""
        if self._clients:
            self.send(encode(fields), None, may_be_lost)

    def send(self, frame: bytes, client: _Client | None, may_be_lost: bool = False) -> None:
        self._out.put((frame, client, may_be_lost))
        self._wake()

    def close(self, patience: float = 1.0) -> None:
        """Sends what is left, for so many seconds at the most, and takes the socket away."""
        self._closing = True
        if self._thread.is_alive():
            self._wake()
            self._thread.join(patience)
        self._release()

    def _release(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it is awake already
            self._nudge.send(b"!")

    # -- in the thread ---------------------------------------------------------------------------

    def _serve(self) -> None:
        while True:
            for key, what in self._selector.select(1.0):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._nudged:
                    with contextlib.suppress(OSError):
                        self._nudged.recv(READ)
                elif (client := self._clients.get(key.fd)) is not None:
                    self._look_after(client, what)
            self._deal_out()
            if self._closing and not any(client.waiting for client in self._clients.values()):
                break
        for client in list(self._clients.values()):
            self._drop(client)

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            peer, _ = self._listener.accept()
        except OSError:
            return
        if len(self._clients) >= MOST_CLIENTS or not protocol.same_user(peer):
            peer.close()
            return
        peer.setblocking(False)
        client = _Client(peer)
        self._clients[peer.fileno()] = client
        self._selector.register(peer, selectors.EVENT_READ, None)
        client.put(encode({"event": "hello", "protocol": protocol.VERSION, **self._hello()}))
        self._push(client)

    def _look_after(self, client: _Client, what: int) -> None:
        if what & selectors.EVENT_WRITE:
            self._push(client)
        if not what & selectors.EVENT_READ:
            return
        try:
            piece = client.peer.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._drop(client)
            return
        try:
            messages = client.frames.feed(piece)
        except ProtocolError as error:
            client.put(encode({"event": "refused", "error": str(error)}))
            self._push(client)
            self._drop(client)
            return
        for message in messages:
            self._hear(client, message.fields)

    def _hear(self, client: _Client, asked: dict[str, Any]) -> None:
        number = asked.get("id")
        try:
            if not isinstance(number, int) or isinstance(number, bool):
                number = None
                raise Refused("id is missing; it must be a whole number, by which the answer is known")
            command, fields = checked(asked)
        except Refused as error:
            Request(self, client, number, "", {}).refuse(str(error))
        else:
            self._take(Request(self, client, number, command, fields))

    def _deal_out(self) -> None:
        while True:
            try:
                frame, only, may_be_lost = self._out.get_nowait()
            except queue.Empty:
                break
            for client in [only] if only is not None else list(self._clients.values()):
                if not (may_be_lost and client.size > BEHIND):
                    client.put(frame)
        for client in list(self._clients.values()):
            self._push(client)

    def _push(self, client: _Client) -> None:
        if not client.push() or client.size > GONE:
            self._drop(client)
        elif client.peer.fileno() >= 0:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.waiting else 0)
            self._selector.modify(client.peer, wanted, None)

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.peer.fileno(), None) is not None:
            self._selector.unregister(client.peer)
            client.peer.close()
            client.waiting.clear()


class _Client:
    def __init__(self, peer: socket.socket) -> None:
        self.peer, self.frames = peer, Frames(ASKED_LIMIT, bodies=False)
        self.waiting: deque[bytes] = deque()
        self.size = 0

    def put(self, frame: bytes) -> None:
        if self.peer.fileno() >= 0:
            self.waiting.append(frame)
            self.size += len(frame)

    def push(self) -> bool:
        """Writes what fits. False where nobody is there any more."""
        while self.waiting:
            try:
                written = self.peer.send(self.waiting[0])
            except BlockingIOError:
                return True
            except OSError:
                return False
            self.size -= written
            rest = self.waiting.popleft()[written:]
            if rest:
                self.waiting.appendleft(rest)
        return True


def _own_folder(folder: os.PathLike[str]) -> None:
    """Makes the folder for this user alone. OSError where it is another's, or open to others and cannot be shut."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    said = os.lstat(folder)
    if said.st_uid != os.getuid():
        raise PermissionError(1, "the folder belongs to another user")
    if said.st_mode & 0o077:
        os.chmod(folder, 0o700)

"""A client's end of a worker's socket: one that waits, for commands, and one for an event loop, for the screens."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from tuinet.errors import RunError, RunNotFound
from tuinet.runs.folder import RunFolder
from tuinet.safe_text import safe
from tuinet.training import protocol
from tuinet.training.protocol import TOLD_LIMIT, Frames, Message, ProtocolError, Refused, encode

READ = 256 << 10


class NoWorker(RunError):
    """Nobody answers at the run's socket."""


def _connected(run: RunFolder, patience: float) -> socket.socket:
    """A connection to the run's worker, which may have so many seconds to open its socket. NoWorker otherwise."""
    path, deadline = protocol.socket_path(run), time.monotonic() + patience
    while True:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            protocol.at(path, peer.connect)
            if not protocol.same_user(peer):
                raise NoWorker(f"the socket of run {safe(run.id)} is another user's")
        except OSError:
            peer.close()
            if time.monotonic() >= deadline:
                raise NoWorker(_why(run)) from None
            time.sleep(0.02)
        except NoWorker:
            peer.close()
            raise
        else:
            return peer


def _why(run: RunFolder) -> str:
    name = safe(run.id)
    if run.is_live():
        return f"the worker of run {name} lets nobody in; it may be older than this tuinet, or at its end"
    try:
        state = run.state()
    except RunNotFound:
        return f"run {name} is gone: its folder was taken away"
    except RunError as error:
        return str(error)
    goes_on = "" if state == "finished" else f"; `tuinet resume {name}` goes on with it"
    return f"run {name} is {state}: no worker trains it now{goes_on}"


class Connection:
    """A client that waits for its answers."""

    def __init__(self, run: RunFolder, *, patience: float = 0.0, timeout: float = 30.0) -> None:
        """patience: seconds for the worker to open its socket. timeout: seconds that an answer may take."""
        self.run, self._number, self._timeout = run, 0, timeout
        self._peer = _connected(run, patience)
        self._frames = Frames(TOLD_LIMIT, bodies=True)
        self._heard: list[Message] = []
        self.hello = self._next(time.monotonic() + timeout).fields
        _check_version(run, self.hello)

    def request(self, command: str, **fields: Any) -> Message:
        """The answer. Refused with the worker's sentence; NoWorker where it has gone or does not answer."""
        self._number += 1
        try:
            self._peer.sendall(encode({"do": command, "id": self._number, **fields}))
        except OSError:
            raise NoWorker(_why(self.run)) from None
        deadline = time.monotonic() + self._timeout
        kept: list[Message] = []
        while True:
            message = self._next(deadline)
            if message.fields.get("re") == self._number:
                self._heard = kept + self._heard
                return _answered(message)
            kept.append(message)

    def events(self) -> Iterator[dict[str, Any]]:
        """What the worker tells, as it comes, until it has gone."""
        while True:
            try:
                message = self._next(None)
            except NoWorker:
                return
            if "event" in message.fields:
                yield message.fields

    def close(self) -> None:
        self._peer.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _next(self, deadline: float | None) -> Message:
        while not self._heard:
            try:
                self._peer.settimeout(None if deadline is None else max(0.001, deadline - time.monotonic()))
                piece = self._peer.recv(READ)
            except TimeoutError:
                raise NoWorker(
                    f"the worker of run {safe(self.run.id)} did not answer within {self._timeout:g} s; it may be "
                    "compiling, or binding its data"
                ) from None
            except OSError:
                piece = b""
            if not piece:
                raise NoWorker(_why(self.run))
            self._heard += self._frames.feed(piece)
        return self._heard.pop(0)


class AsyncConnection:
    """A client on an event loop: answers are awaited, events are handed on as they come."""

    def __init__(self, run: RunFolder, on_event: Callable[[dict[str, Any]], None]) -> None:
        """on_event: is called on the event loop; must not wait."""
        self.run, self.on_event = run, on_event
        self.hello: dict[str, Any] = {}
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        return self._writer is not None

    async def connect(self) -> None:
        """NoWorker where there is none. The hello is there when this returns."""
        peer = await asyncio.to_thread(_connected, self.run, 0.0)
        reader, self._writer = await asyncio.open_unix_connection(sock=peer)
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._read(reader, first))
        try:
            await asyncio.wait_for(first, 10.0)
            _check_version(self.run, self.hello)
        except TimeoutError:
            await self.close()
            raise NoWorker(_why(self.run)) from None
        except RunError:
            await self.close()
            raise

    async def request(self, command: str, *, timeout: float = 30.0, **fields: Any) -> Message:
        """As `Connection.request`."""
        if self._writer is None:
            raise NoWorker(_why(self.run))
        self._number += 1
        number = self._number
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(encode({"do": command, "id": number, **fields}))
            return _answered(await asyncio.wait_for(answer, timeout))
        except (OSError, TimeoutError):
            raise NoWorker(f"the worker of run {safe(self.run.id)} does not answer") from None
        finally:
            self._waiting.pop(number, None)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._end()

    async def _read(self, reader: asyncio.StreamReader, first: asyncio.Future[None]) -> None:
        frames = Frames(TOLD_LIMIT, bodies=True)
        try:
            while piece := await reader.read(READ):
                for message in frames.feed(piece):
                    self._hear(message, first)
        except (OSError, ProtocolError):
            pass
        finally:
            if not first.done():
                first.set_exception(NoWorker(_why(self.run)))
                first.exception()  # whoever waits sees it; nobody else needs to
            self._end()

    def _hear(self, message: Message, first: asyncio.Future[None]) -> None:
        fields = message.fields
        if "re" in fields:
            answer = self._waiting.get(fields["re"]) if isinstance(fields["re"], int) else None
            if answer is not None and not answer.done():
                answer.set_result(message)
        elif fields.get("event") == "hello":
            self.hello = fields
            if not first.done():
                first.set_result(None)
        elif isinstance(fields.get("event"), str):
            self.on_event(fields)

    def _end(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(NoWorker(_why(self.run)))


def _answered(message: Message) -> Message:
    error = message.fields.get("error")
    if error is not None:
        raise Refused(safe(str(error), 1_000))
    return message


def _check_version(run: RunFolder, hello: dict[str, Any]) -> None:
    version = hello.get("protocol")
    if version != protocol.VERSION:
        raise NoWorker(
            f"the worker of run {safe(run.id)} speaks version {safe(str(version), 20)} and this tuinet speaks "
            f"{protocol.VERSION}; use the tuinet that started it (host {os.uname().nodename})"
        )

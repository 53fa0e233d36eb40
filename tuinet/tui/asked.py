"""What a screen shows of layers and data is asked of the command that tells it, in a process of its own.

    async for row in asked("show", "fashion-mlp"): ...

So reading a data set never holds up the screen, the engine is not loaded here, and what is shown is what
`tuinet show fashion-mlp --json` says.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

from tuinet.errors import TuinetError
from tuinet.processes import environment
from tuinet.safe_text import safe

LINE = 32 << 20  # bytes of one row
SENTENCE = 1_000  # characters of what a command complains of


async def asked(*words: str) -> AsyncIterator[dict[str, Any]]:
    """The rows of `tuinet WORDS --json` as they come. TuinetError with the command's own sentence where it fails.

    The process ends when nobody waits for its rows any more.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "tuinet", *words, "--json",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        limit=LINE, env={**environment(), "NO_COLOR": "1", "TERM": "dumb"}, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    said = asyncio.ensure_future(process.stderr.read(64 << 10))
    try:
        while line := await process.stdout.readline():
            with contextlib.suppress(ValueError):
                row = json.loads(line)
                if isinstance(row, dict):
                    yield row
        complaint = " ".join((await said).decode("utf-8", "replace").split())
        if await process.wait():
            raise TuinetError(safe(complaint.removeprefix("tuinet: "), SENTENCE) or f"tuinet {words[0]} failed")
    finally:
        said.cancel()
        try:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        finally:  # else the pipes are left to the garbage, which may find the loop gone
            process._transport.close()  # type: ignore[attr-defined]


async def all_of(*words: str) -> list[dict[str, Any]]:
    """All rows at once."""
    return [row async for row in asked(*words)]

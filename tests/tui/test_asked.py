"""What a command says, asked for in a process of its own."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tuinet.errors import TuinetError
from tuinet.tui.asked import all_of, asked


@pytest.mark.slow
def test_rows_of_a_command_come_from_a_process_of_its_own() -> None:
    rows = asyncio.run(all_of("data"))
    assert {row["set"] for row in rows} >= {"fashion", "spiral"}


@pytest.mark.slow
def test_a_command_that_fails_gives_its_sentence() -> None:
    with pytest.raises(TuinetError, match=r'called "spirla"; did you mean "spiral"'):
        asyncio.run(all_of("show", "spirla"))


def test_a_command_that_nobody_waits_for_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tuinet").mkdir()
    (tmp_path / "tuinet" / "__init__.py").touch()
    (tmp_path / "tuinet" / "__main__.py").write_text(
        "import os, time\nprint('{\"pid\": %d}' % os.getpid(), flush=True)\ntime.sleep(60)\n"
    )
    monkeypatch.setattr("tuinet.tui.asked.environment", lambda: {**os.environ, "PYTHONPATH": str(tmp_path)})

    async def look() -> int:
        async for row in (rows := asked("show")):
            await rows.aclose()
            return int(row["pid"])
        return 0

    pid = asyncio.run(look())
    assert pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)

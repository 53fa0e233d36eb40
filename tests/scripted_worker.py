"""A worker that acts: told events are played to the pipe as a real worker would, with pauses, signals and deaths.

`python tests/scripted_worker.py FOLDER --events-fd N ...`. $TUINET_TEST_SCENE is JSON: epochs, pause (seconds an
epoch), dies (kills itself at this epoch), fails (with this message before the start), ends (changes to the last event).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.cli_scenes import end_event, epoch_events, start_event


def main() -> int:
    fd = int(sys.argv[sys.argv.index("--events-fd") + 1])
    folder = Path(sys.argv[1])
    scene = json.loads(os.environ.get("TUINET_TEST_SCENE", "{}"))
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda got, frame: asked.append(got))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))  # workers are started with them held

    def tell(event: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(fd, json.dumps(event).encode() + b"\n")

    if "fails" in scene:
        tell({"event": "end", "state": "failed", "reason": "error", "error": scene["fails"], "exit_code": 2})
        return 2
    epochs = scene.get("epochs", 3)
    tell(start_event(epochs, run=folder.name, folder=str(folder), **scene.get("start", {})))
    code = 0
    for event in epoch_events(epochs, best=scene.get("best")):
        for part in range(10):
            time.sleep(scene.get("pause", 0.0) / 10)
            step = event["step"] - 225 + 22 * part
            epoch = event["epoch"] - 1 + part / 10
            tell(
                {
                    "event": "progress",
                    "step": step,
                    "epoch": epoch,
                    "loss": 0.5,
                    "samples_per_s": 54_120.4,
                    "seconds": step / 450,
                }
            )
        if scene.get("dies") == event["epoch"]:
            os.kill(os.getpid(), signal.SIGKILL)
        tell(event)
        if asked:
            code = 128 + asked[0]
            break
    tell({"event": "verdict", "step": 1, "epoch": epochs, "word": "good", "sentence": "It has settled.", "numbers": {}})
    state = {"state": "stopped", "reason": "asked"} if asked else {}
    (folder / "done").write_text("the worker came to its end")
    tell(
        end_event(**{"run": folder.name, "epoch": event["epoch"], "exit_code": code, **state, **scene.get("ends", {})})
    )
    return code or scene.get("ends", {}).get("exit_code", 0)


if __name__ == "__main__":
    sys.exit(main())

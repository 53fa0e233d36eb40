"""Runs: what one training leaves behind, as a folder of files that can be read, copied and checked.

    folder.py      a run: its files, its lock, its state
    info.py        run.json
    data.py        data.json
    records.py     metrics.jsonl and events.jsonl
    checkpoint.py  weights and state, whole or not there
    tensors.py     .safetensors, in slot order
    probes.py      probes/, parameters as small pictures over time
    lock.py        one worker per run
    listing.py     find, list, remove, prune
    checked.py     JSON with a checksum

Nothing here loads NumPy before a checkpoint, a probe or data.json is read or written. The forms stand in
docs/formats.md.
"""

from tuinet.runs.checked import json_line
from tuinet.runs.checkpoint import Checkpoint, Loaded
from tuinet.runs.folder import RunFolder, home, runs_folder
from tuinet.runs.listing import (
    RunSummary,
    bring_back,
    find,
    find_to_remove,
    list_runs,
    prune,
    remove,
    remove_aside,
    remove_forgotten,
    set_aside,
)
from tuinet.runs.lock import RunLock
from tuinet.runs.records import Records, Tail, Writer
from tuinet.runs.tensors import weights_sha256

__all__ = [
    "Checkpoint",
    "Loaded",
    "Records",
    "RunFolder",
    "RunLock",
    "RunSummary",
    "Tail",
    "Writer",
    "bring_back",
    "find",
    "find_to_remove",
    "home",
    "json_line",
    "list_runs",
    "prune",
    "remove",
    "remove_aside",
    "remove_forgotten",
    "runs_folder",
    "set_aside",
    "weights_sha256",
]

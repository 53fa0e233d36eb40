"""S3: opening a run, whoever made it, never runs code, never writes, and fails only with a plain error.

A fresh process opens a thousand runs that were damaged on purpose, with an audit hook that hears every import,
every exec and compile, every process and every file that is opened for writing.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = [*(ROOT / "tuinet" / "runs").glob("*.py"), ROOT / "tuinet" / "atomic.py", ROOT / "tuinet" / "bounded_io.py"]
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "joblib", "yaml", "tarfile", "zipfile", "socket_server"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "open", "import_module"}

OPENER = r"""
import os, random, shutil, sys, zlib
from copy import deepcopy
from pathlib import Path
import numpy, safetensors.numpy
from tuinet.errors import TuinetError
from tuinet.runs import RunFolder, list_runs
from tuinet.runs.checked import encoded_file, encoded_line
import json

golden, runs = Path(sys.argv[1]), Path(sys.argv[2])
count, seed, strict = int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
heard, listening = [], False
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
LOUD = {"exec", "compile", "import", "os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork",
        "pickle.find_class", "marshal.loads", "code.__new__", "ctypes.dlopen", "socket.connect", "os.remove",
        "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"}

def hook(event, arguments):
    if listening and (event in LOUD or event == "open" and (arguments[2] or 0) & WRITING):
        heard.append((event, repr(arguments)[:200]))

sys.addaudithook(hook)

def open_all(run):
    outcomes = []
    for look in (run.info, run.state, run.preset_text, run.data, run.by_class, run.metrics().read, run.events().read,
                 run.metrics().follow, run.checkpoints, run.damaged_checkpoints, run.load_newest,
                 lambda: run.load_newest(resumable=False), lambda: list_runs(run.path.parent)):
        try:
            look()
            outcomes.append(True)
        except TuinetError as error:
            assert str(error) and not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in str(error)), repr(str(error))
            outcomes.append(False)
    return outcomes

HOSTILE = ["__import__('os').system('touch owned')", {"__reduce__": ["os.system", "touch owned"]}, "\x1b]52;c;eA==\x07",
           "../../../../etc/passwd", 10**30, -1, 1e308, None, [], {}, [[[]]], True, "nan",
           "A" * 5000, "\udcff", "\u202e"]

def forged(data, chance):
    # Changes a value and makes the checksum right again: a checksum keeps out accidents, not people.
    content = json.loads(data)
    content.pop("c")
    for _ in range(chance.randrange(1, 4)):
        inner = [each for each in content.values() if isinstance(each, dict)]
        place = chance.choice([content, *inner])
        place[chance.choice([*place, "new"])] = deepcopy(chance.choice(HOSTILE))  # else one may come to hold itself
    return content

def spoil(path, chance):
    data = path.read_bytes()
    way = chance.randrange(8)
    if way == 0:
        data = data[: chance.randrange(len(data) + 1)]
    elif way == 1:
        at = chance.randrange(len(data) + 1)
        data = data[:at] + chance.randbytes(chance.randrange(64)) + data[at:]
    elif way == 2:
        data = b"\x80\x04cos\nsystem\n(S'touch owned'\ntR." + data      # a pickle
    elif way == 3 and path.suffix == ".json":
        data = encoded_file(forged(data, chance))
    elif way == 3 and path.suffix == ".jsonl":
        lines = data.splitlines()
        lines[chance.randrange(len(lines))] = encoded_line(forged(chance.choice(lines), chance))[:-1]
        data = b"\n".join(lines) + b"\n"
    elif way == 4:
        path.unlink()
        path.symlink_to(chance.choice(["/etc/passwd", "/dev/zero", "..", "nowhere", path.name]))
        return
    elif way == 5:
        path.unlink()
        chance.choice([path.mkdir, lambda: os.mkfifo(path)])()
        return
    elif way == 6:
        os.truncate(path, 1 << 40)                                      # a terabyte of holes
        return
    else:
        turned = bytearray(data)
        for _ in range(chance.randrange(1, 20)):
            turned[chance.randrange(len(turned))] = chance.randrange(256)
        data = bytes(turned)
    path.write_bytes(data)

def spoiled_copy(number, chance):
    run = runs / str(number) / "spam-neuron-3fa2"
    shutil.copytree(golden, run)
    files = [path for path in sorted(run.rglob("*")) if path.is_file()]
    for path in chance.sample(files, chance.randrange(1, 4)):
        spoil(path, chance)
    return RunFolder(run)

warm = runs / "warm" / "spam-neuron-3fa2"
shutil.copytree(golden, warm)
assert all(open_all(RunFolder(warm)))
for number in range(30):                                                # error paths load what they need
    open_all(spoiled_copy(f"warm-{number}", random.Random(number)))
chance = random.Random(seed)
failed = 0
for number in range(count):
    run = spoiled_copy(number, chance)
    listening = True
    failed += not all(open_all(run))
    listening = False
    shutil.rmtree(run.path.parent)
if strict == "control":
    import pickle
    listening = True
    pickle.loads(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    listening = False
print(failed, sorted({event for event, _ in heard}), heard[:3])
"""


def opened(tmp_path: Path, count: int, seed: int, strict: str = "promise") -> tuple[int, str]:
    (tmp_path / "cwd").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TUINET_HOME": str(tmp_path / "home")}
    arguments = [ROOT / "tests" / "golden" / "run", tmp_path / "runs", str(count), str(seed), strict]
    done = subprocess.run(
        [sys.executable, "-c", OPENER, *arguments],
        capture_output=True, text=True, check=False, cwd=tmp_path / "cwd", env=environment, timeout=250,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "cwd").iterdir()) == []
    failed, rest = done.stdout.split(" ", 1)
    return int(failed), rest.strip()


def test_hostile_runs_run_no_code_and_fail_only_with_plain_errors(tmp_path: Path) -> None:
    failed, heard = opened(tmp_path, 250, seed=1)
    assert heard == "[] []"
    assert failed > 60, "the runs were hardly damaged"


@pytest.mark.slow
def test_five_thousand_hostile_runs_run_no_code(tmp_path: Path) -> None:
    assert opened(tmp_path, 5000, seed=2)[1] == "[] []"


def test_control_a_pickle_is_heard(tmp_path: Path) -> None:
    heard = opened(tmp_path, 1, seed=1, strict="control")[1]
    assert "os.system" in heard and "pickle.find_class" in heard


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_no_module_of_runs_can_run_what_it_reads(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not {name.name.split(".")[0] for name in node.names} & FORBIDDEN_MODULES
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in FORBIDDEN_MODULES
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in FORBIDDEN_CALLS, f"line {node.lineno}: {node.func.id}()"


def test_a_sparse_terabyte_is_refused_without_being_read(tmp_path: Path) -> None:
    import resource
    import shutil

    from tuinet.runs import RunFolder

    run = RunFolder(shutil.copytree(ROOT / "tests" / "golden" / "run", tmp_path / "spam-neuron-3fa2"))
    for path in [path for path in run.path.rglob("*") if path.suffix in (".json", ".safetensors", ".toml")]:
        os.truncate(path, 1 << 40)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for look in (run.info, run.preset_text, run.data, run.load_newest):
        with pytest.raises(Exception, match=r"at most|cannot be (read|used)"):
            look()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10

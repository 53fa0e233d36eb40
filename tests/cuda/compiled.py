"""C sources of the tests as shared libraries, built once and kept by the hash of what they are built from."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FLAGS = ("-O2", "-shared", "-fPIC")


def compiler() -> str | None:
    """The C compiler: $CC where it is set, else the system's; None where there is none."""
    return shutil.which(os.environ.get("CC", "cc"))


def kept() -> Path:
    """The folder that holds what has been built: in the temporary folder, the user's own and nobody else's."""
    folder = Path(tempfile.gettempdir()) / f"tuinet-stand-ins-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else, and libraries are loaded from it; remove it")
    return folder


def library(name: str, *sources: str, flags: tuple[str, ...] = ()) -> Path:
    """The path of a library `name` built from C sources beside this file."""
    program = compiler()
    if program is None:
        raise FileNotFoundError("no C compiler: install gcc or clang, or set CC")
    paths = [HERE / source for source in sources]
    headers = sorted({header for path in paths for header in path.parent.glob("*.h")})
    text = b"\0".join([*(path.read_bytes() for path in [*paths, *headers]), program.encode(), *map(str.encode, flags)])
    target = kept() / hashlib.sha256(text).hexdigest()[:16] / name
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept()) as scratch:
            made = Path(scratch) / name
            command = [program, *FLAGS, *flags, f"-Wl,-soname,{name}", "-o", str(made), *map(str, paths), "-lm", "-ldl"]
            subprocess.run(command, check=True)
            os.replace(made, target)
    return target

"""Where compiled kernels are kept between processes.

Numba looks only at the file a function stands in, so an edited helper elsewhere would go
unnoticed; and its cache files are pickles, so whoever can write them can run code as us.
Hence a folder that nobody else can write, named after a hash of all kernel sources, and never
in a run, in the working directory or in a shared temporary folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

import numba
from numba.core.errors import NumbaError

PACKAGE = Path(__file__).parent.parent
SOURCES = ("shapes.py", "kernels/*.py", "engine/*.py", "engine/cuda/*.py")
KEPT_DAYS = 30


def base():
    """$TUINET_DATA/kernels, or the platform's cache folder."""
    data = os.environ.get("TUINET_DATA")
    if data:
        return Path(data) / "kernels"
    import platformdirs

    return Path(platformdirs.user_cache_dir("tuinet")) / "kernels"


def fingerprint():
    """A short hash of every source file that can end up in a kernel, of Numba's version and of the processor."""
    about = f"{numba.__version__} {numba.config.CPU_NAME} {numba.config.CPU_FEATURES}"
    digest = hashlib.blake2b(about.encode(), digest_size=10)
    for pattern in SOURCES:
        for path in sorted(PACKAGE.glob(pattern)):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def ours_alone(folder):
    """Make the folder if need be. True if it is ours, and writable by nobody else."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.stat(follow_symlinks=False)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and not about.st_mode & 0o022


class Choice:
    """The folder in use; `lasting` says whether it will be there next time."""

    folder: Path | None = None
    lasting = False
    temporary: tempfile.TemporaryDirectory | None = None


def choose():
    """Point Numba at base/HASH, or at a folder for this process alone if that cannot be used.

    Called before the first kernel is linked. Gives the folder and whether it will be there next time.
    """
    if Choice.folder is None:
        at = base()
        folder = at / fingerprint()
        Choice.lasting = ours_alone(at) and ours_alone(folder)
        if Choice.lasting:
            prune(at, folder)
        else:
            Choice.temporary = tempfile.TemporaryDirectory(prefix="tuinet-")  # mkdtemp makes it 0700
            folder = Path(Choice.temporary.name)
        Choice.folder = folder
        numba.config.CACHE_DIR = str(folder)
    return Choice.folder, Choice.lasting


def prune(at, used):
    """Remove kernels of older versions that nobody has used for a month."""
    os.utime(used)
    oldest = time.time() - KEPT_DAYS * 86400
    for folder in at.iterdir():
        if folder != used and len(folder.name) == 20 and not folder.is_symlink() and folder.stat().st_mtime < oldest:
            shutil.rmtree(folder, ignore_errors=True)


def kept(compile_it):
    """What compile_it() gives, loaded from the folder where it is there.

    A damaged file in it (a machine that lost its power while Numba was writing) would stop tuinet at every start:
    then all of them are thrown away, and it is compiled anew.
    """
    try:
        return compile_it()
    except NumbaError:
        raise
    except Exception:
        for path in Path(numba.config.CACHE_DIR).rglob("*.nb[ic]"):
            path.unlink(missing_ok=True)
        return compile_it()

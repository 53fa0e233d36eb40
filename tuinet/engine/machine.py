"""What this machine offers the CPU target, for `tuinet doctor`."""

from __future__ import annotations

import platform

from ..processes import cores


def describe():
    """Processor, cores, vector width, kernel folder and how many kernels it holds."""
    from . import cache, lanes

    folder, lasting = cache.choose()
    tile = lanes.machine()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": tile.name,
        "cores": cores(),
        "vector_bits": 32 * tile.lanes,
        "products": f"own register tiles, {tile.rows[0]} rows by {tile.vectors} vectors of {tile.lanes}",
        "kernel_cache": str(folder),
        "kernel_cache_kept": lasting,
        "kernels_compiled": len(list(folder.rglob("*.nbi"))),
    }


def supported():
    """None, or one plain sentence why this machine cannot train."""
    if platform.system() not in ("Linux", "Darwin"):
        return f"tuinet's engine runs on Linux and macOS; this is {platform.system()}."
    return None

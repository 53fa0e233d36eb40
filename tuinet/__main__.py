"""python -m tuinet, and the `tuinet` command."""

from __future__ import annotations

import sys

SYSTEMS = ("linux", "darwin")


def main() -> None:
    if sys.platform not in SYSTEMS:
        sys.exit(f"tuinet: it runs on Linux and macOS; this is {sys.platform}")
    from tuinet.cli.main import main as run

    run()


if __name__ == "__main__":
    main()

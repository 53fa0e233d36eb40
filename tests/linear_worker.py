"""A real worker with a linear network for an engine: `python tests/linear_worker.py FOLDER --events-fd N ...`.

$TUINET_TEST_SCRIPT and $TUINET_TEST_SCENE are JSON for doubles.Script and doubles.Scene.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parent.parent)
    from tests.doubles import ScriptedEngine
    from tuinet.training.worker import main

    sys.exit(main(engine=ScriptedEngine()))

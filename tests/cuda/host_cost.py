"""What a step costs the host: the launches of a task on a driver that does nothing with them.

`python -m tests.cuda.host_cost [TASK]` prints microseconds a step, as one graph and launch by launch. What the driver
itself takes for a call is not in it.
"""

from __future__ import annotations

import sys
import time

from tests.cuda import stand_in

TURNS = 200


def main() -> None:
    task = sys.argv[1] if len(sys.argv) > 1 else "gpt"
    gpu = stand_in.load()
    from tuinet.engine import bench
    from tuinet.engine.cuda import cublas, driver

    driver.assemble, driver.FORM, cublas.library = lambda ptx, cc: ptx.encode(), "ptx", lambda: None
    with gpu.one_device((8, 0)):
        trainer = bench.trainer_for(bench.TASKS[task], task, device="cuda:0")
        machine = trainer.machine
        gpu.silence()
        graph = machine.gpu.captured(machine.launches)
        replayed = timed(lambda: machine.gpu.replay(graph))
        launched = timed(lambda: machine.gpu.go(machine.launches))
    count = len(machine.launches)
    print(f"{task}: {count} launches a step; one graph {replayed:.1f} µs a step; launch by launch "
          f"{launched:.0f} µs, {launched / count:.2f} µs each")  # fmt: skip


def timed(act: object) -> float:
    """Microseconds, of the fastest of ten series."""
    best = float("inf")
    for _ in range(10):
        began = time.perf_counter()
        for _ in range(TURNS // 10):
            act()  # type: ignore[operator]
        best = min(best, (time.perf_counter() - began) / (TURNS // 10))
    return 1e6 * best


if __name__ == "__main__":
    main()

"""Other processors than this one: narrower vectors, tried by telling Numba that the processor is an older one."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import numpy as np
from tests.networks import make, stacks
from tuinet.engine import lanes
one, two, judge = (make(stacks()["odd and wide"], batch_size=49, threads=t, device=d)
                   for t, d in ((1, "cpu"), (2, "cpu"), (1, "reference")))
for trainer in (one, two, judge):
    trainer.run(60.0, 3)
exact, found = judge.model(), one.model()
print(lanes.machine().lanes)
print(all(found[k].tobytes() == v.tobytes() for k, v in two.model().items()))
print(max(float(np.abs(found[k] - v).max() / np.abs(v).max()) for k, v in exact.items()))
"""


def test_on_another_system_one_plain_sentence_is_said() -> None:
    code = "import sys; sys.platform = 'win32'; import tuinet.__main__ as tuinet; tuinet.main()"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent.parent, capture_output=True, text=True
    )
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == "tuinet: it runs on Linux and macOS; this is win32\n"


X86 = platform.machine() in ("x86_64", "AMD64")
ON_X86 = pytest.mark.skipif(not X86, reason="names of x86-64 processors")


@ON_X86
@pytest.mark.slow
@pytest.mark.parametrize(("name", "lanes"), [("haswell", 8), ("nehalem", 4)])
def test_a_processor_with_narrower_vectors_trains_to_the_same_weights(name: str, lanes: int, tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, "NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": "", "TUINET_DATA": str(tmp_path)},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert int(said[0]) == lanes
    assert said[1] == "True", "one thread and two"
    assert float(said[2]) < 1e-3


COMPILED = """
import re
from tuinet.engine import cpu, lanes, linking, tiles  # cpu says where kernels are kept
assembly = linking.compiled(tiles.tuinet_product)._library.get_asm_str()
loops = [block.splitlines() for block in re.split(r"(?m)^(?=\\S+:)", assembly)]
multiply = [block for block in loops if any("vfmadd" in line and "zmm" in line for line in block)]
print(lanes.machine().lanes)
print(sum("vfmadd" in line and "zmm" in line for block in multiply for line in block))
print(sum("zmm" in line and "rsp" in line for block in multiply for line in block))
"""


@ON_X86
@pytest.mark.slow
def test_for_the_widest_vectors_the_tile_stays_in_its_registers(tmp_path: Path) -> None:
    """Compiled and not run, so that it is tried on any x86-64 machine."""
    features = "+avx512f,+avx512vl,+avx512bw,+avx512dq,+avx512cd,+fma,+avx2,+avx,+bmi,+bmi2"
    wanted = {"NUMBA_CPU_NAME": "skylake-avx512", "NUMBA_CPU_FEATURES": features, "TUINET_DATA": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, "-c", COMPILED],
        env={**os.environ, **wanted},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert int(said[0]) == 16
    assert int(said[1]) >= 2 * (12 + 8 + 4 + 2 + 1)
    assert int(said[2]) == 0, "nothing is moved to the stack and back"

"""What the CUDA target promises, kept without a GPU.

`stand_in.py` puts a driver (`driver.c`) under the real numba-cuda and cuda.core; `emulator/` behind it runs the real
PTX and watches it. A test asks for the fixture `gpu`. `cublas.c` stands in for cuBLAS. `gate.py` says what the
assembler makes of a kernel on each architecture. `launching.py` runs a single kernel on the emulator alone.
None of it says how fast a kernel is, and none of it replaces a run on a device.
"""

"""Every mistake that the emulator watches for is found in a kernel that makes it, and not in one that does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import cuda, float32

from tests.cuda.emulator import Fault, Memory, find_kernel
from tests.cuda.launching import run

N = 64


def copy(x, y):
    i = cuda.grid(1)
    if i < 64:
        y[i] = x[i]


def reads_beyond(x, y):
    i = cuda.grid(1)
    y[i] = x[i + 1]


def writes_beyond(x, y):
    i = cuda.grid(1)
    y[i + 1] = x[i]


def wild(x, y):
    i = cuda.grid(1)
    y[i] = x[i + 100000000]


def through_shared(x, y):
    held = cuda.shared.array(64, float32)
    i = cuda.threadIdx.x
    held[i] = x[i]
    cuda.syncthreads()
    y[i] = held[63 - i]


def shared_without_barrier(x, y):
    held = cuda.shared.array(64, float32)
    i = cuda.threadIdx.x
    held[i] = x[i]
    y[i] = held[63 - i]


def shared_overwritten_too_early(x, y):
    held = cuda.shared.array(64, float32)
    i = cuda.threadIdx.x
    held[i] = x[i]
    cuda.syncthreads()
    y[i] = held[63 - i]
    held[i] = float32(0)


def shared_within_a_warp(x, y):
    held = cuda.shared.array(64, float32)
    i = cuda.threadIdx.x
    held[i] = x[i]
    y[i] = held[i ^ 1]


def shared_within_a_synchronised_warp(x, y):
    held = cuda.shared.array(64, float32)
    i = cuda.threadIdx.x
    held[i] = x[i]
    cuda.syncwarp()
    y[i] = held[i ^ 1]


def shared_written_twice(x, y):
    held = cuda.shared.array(64, float32)
    i = cuda.threadIdx.x
    held[i // 2] = x[i]
    cuda.syncthreads()
    y[i] = held[i // 2]


def shared_never_written(x, y):
    held = cuda.shared.array(64, float32)
    i = cuda.threadIdx.x
    if i < 32:
        held[i] = x[i]
    cuda.syncthreads()
    y[i] = held[i]


def shared_beyond(x, y):
    held = cuda.shared.array(64, float32)
    i = cuda.threadIdx.x
    held[i + 1] = x[i]
    cuda.syncthreads()
    y[i] = held[i]


def global_written_twice(x, y):
    i = cuda.grid(1)
    y[i // 2] = x[i]


def global_written_by_two_blocks(x, y):
    y[cuda.threadIdx.x] = x[cuda.grid(1)]


def neighbour_in_place(x, y):
    i = cuda.grid(1)
    if i < 63:
        y[i] = y[i + 1]


def in_place(x, y):
    i = cuda.grid(1)
    y[i] += x[i]


def written_by_another_block(x, y):
    i = cuda.grid(1)
    y[i] = x[i]
    if i >= 32:
        y[i] = y[i - 32]


def handed_on_by_a_barrier(x, y):
    i = cuda.threadIdx.x
    y[i] = x[i]
    cuda.syncthreads()
    v = y[63 - i]
    cuda.syncthreads()
    y[i] = v


def half_at_the_barrier(x, y):
    i = cuda.threadIdx.x
    if i < 16:
        cuda.syncthreads()
    y[i] = x[i]


def two_barriers(x, y):
    i = cuda.threadIdx.x
    if i < 16:
        y[i] = x[i]
        cuda.syncthreads()
    else:
        y[i] = x[i] + float32(1)
        cuda.syncthreads()
        y[i] = x[i]


def early_return(x, y):
    i = cuda.threadIdx.x
    if i >= 50:
        return
    y[i] = x[i]
    cuda.syncthreads()


def shuffle_from_elsewhere(x, y):
    i = cuda.threadIdx.x
    if i % 32 < 16:
        y[i] = cuda.shfl_down_sync(0xFFFFFFFF, x[i], 8)


def shuffle_outside_its_mask(x, y):
    i = cuda.threadIdx.x
    y[i] = cuda.shfl_sync(0x0000FFFF, x[i], 0)


GOOD: list[tuple[Callable[..., None], int, int]] = [
    (copy, 2, 64),
    (through_shared, 1, 64),
    (shared_within_a_synchronised_warp, 1, 64),
    (in_place, 2, 32),
    (handed_on_by_a_barrier, 1, 64),
]
STOPPED: list[tuple[Callable[..., None], str]] = [
    (reads_beyond, "out of bounds: 4 bytes at byte 256 of an allocation of 256 bytes, thread 63 of the grid in `ld"),
    (writes_beyond, "out of bounds: 4 bytes at byte 256 of an allocation of 256 bytes, thread 63 of the grid in `st"),
    (wild, "which is in no allocation"),
    (shared_beyond, "out of bounds: 4 bytes at byte 256 of 256 bytes of shared memory, thread 63"),
    (half_at_the_barrier, "divergent barrier: 16 of 64 threads of the block wait at it, the others have ended"),
    (two_barriers, "divergent barrier"),
    (early_return, "divergent barrier: 50 of 64 threads"),
    (shuffle_from_elsewhere, "which has ended or is elsewhere in the code"),
    (shuffle_outside_its_mask, "mask 0xffff leaves it out"),
]
FOUND: list[tuple[Callable[..., None], int, str]] = [
    (shared_without_barrier, 1, "race in shared memory: thread 0 reads byte 252, which thread 63 has written"),
    (shared_overwritten_too_early, 1, "race in shared memory: thread 0 writes byte 0, which thread 63 has read"),
    (shared_within_a_warp, 1, "race in shared memory"),
    (shared_written_twice, 1, "race in shared memory: thread 1 writes byte 0, which thread 0 has written"),
    (shared_never_written, 1, "uninitialised shared memory: thread 32 reads byte 128"),
    (global_written_twice, 1, "race in global memory: thread 1 writes byte 0, which thread 0 has written"),
    (global_written_by_two_blocks, 2, "race in global memory: thread 32 writes byte 0, which thread 0 has written"),
    (neighbour_in_place, 1, "race in global memory"),
    (neighbour_in_place, 2, "race in global memory"),
    (written_by_another_block, 2, "race in global memory: thread 32 reads byte 0, which thread 0 has written"),
]


def arrays() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    return np.arange(N, dtype=np.float32), np.zeros(N, np.float32)


@pytest.mark.parametrize(("kernel", "blocks", "threads"), GOOD)
def test_nothing_is_found_in_a_kernel_that_does_it_right(kernel: Any, blocks: int, threads: int) -> None:
    assert run(kernel, "FF", blocks, threads, *arrays()) == []


@pytest.mark.parametrize(("kernel", "wanted"), STOPPED)
def test_a_kernel_that_goes_wrong_is_stopped_and_told_where(kernel: Any, wanted: str) -> None:
    with pytest.raises(Fault) as fault:
        run(kernel, "FF", 1, N, *arrays())
    assert wanted in str(fault.value)


@pytest.mark.parametrize(("kernel", "blocks", "wanted"), FOUND)
def test_what_a_device_would_let_pass_is_found(kernel: Any, blocks: int, wanted: str) -> None:
    (found,) = run(kernel, "FF", blocks, N // blocks, *arrays())[:1]
    assert wanted in found


MISALIGNED = """
.version 8.0
.target sm_80
.address_size 64
.visible .entry misaligned(.param .u64 x) {
    .reg .b64 %rd<3>;
    .reg .b32 %r<2>;
    ld.param.u64 %rd1, [x];
    ld.global.u32 %r1, [%rd1+OFFSET];
    st.global.u32 [%rd1], %r1;
    ret;
}
"""


@pytest.mark.parametrize(("offset", "wrong"), [(4, False), (2, True)])
def test_an_access_has_to_be_aligned(offset: int, wrong: bool) -> None:
    x = np.zeros(4, np.float32)
    kernel = find_kernel(MISALIGNED.replace("OFFSET", str(offset)), "misaligned")
    arguments = (1, 1, 1), (1, 1, 1), [np.uint64(x.ctypes.data).tobytes()], Memory.of(x)
    if wrong:
        with pytest.raises(Fault, match="misaligned: 4 bytes at an address that leaves 2 over"):
            kernel.launch(*arguments)
    else:
        assert kernel.launch(*arguments) == []


def test_an_unknown_instruction_is_an_error_where_it_is_reached_and_not_before() -> None:
    text = MISALIGNED.replace("ld.global.u32 %r1, [%rd1+OFFSET]", "@%p1 wgmma.fence.sync")
    text = text.replace(".reg .b32", ".reg .pred %p<2>;\n.reg .b32")
    for start, reached in (("0", False), ("1", True)):
        x = np.zeros(4, np.float32)
        setting = f"setp.ne.u32 %p1, {start}, 0;\n    @%p1 wgmma"
        kernel = find_kernel(text.replace("@%p1 wgmma", setting), "misaligned")
        arguments = (1, 1, 1), (1, 1, 1), [np.uint64(x.ctypes.data).tobytes()], Memory.of(x)
        if reached:
            with pytest.raises(Fault, match="does not know this instruction in `@%p1 wgmma"):
                kernel.launch(*arguments)
        else:
            assert kernel.launch(*arguments) == []

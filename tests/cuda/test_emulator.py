"""The emulator computes what Python and NumPy compute, from the PTX that libNVVM writes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba import cuda, float32, int32, uint32

from tests.cuda.emulator import Fault, Memory
from tests.cuda.launching import kernel_of, ptx_of, raw, run

FUNCTIONS: list[tuple[str, Callable[..., Any], float]] = [
    ("exp", np.exp, 3e-7),
    ("log", np.log, 3e-7),
    ("sqrt", np.sqrt, 1e-7),
    ("tanh", np.tanh, 3e-7),
    ("sin", np.sin, 3e-7),
    ("cos", np.cos, 1e-6),
    ("erf", np.vectorize(math.erf), 3e-7),
    ("expm1", np.expm1, 3e-7),
    ("log1p", np.log1p, 3e-7),
    ("log2", np.log2, 3e-7),
    ("atan", np.arctan, 3e-7),
    ("lgamma", np.vectorize(math.lgamma), 3e-6),
    ("pow", lambda x: x**2.5, 1e-6),
    ("divide", lambda x: 1.7 / x, 2e-7),
    ("floor", np.floor, 0),
    ("fabs", np.fabs, 0),
    ("multiply and add", lambda x: x * x + 3, 2e-7),
]


def all_functions(x, out, n):
    i = uint32(uint32(cuda.blockIdx.x) * uint32(cuda.blockDim.x) + uint32(cuda.threadIdx.x))
    if i < n:
        v = x[i]
        out[i] = math.exp(v)
        out[n + i] = math.log(v)
        out[2 * n + i] = math.sqrt(v)
        out[3 * n + i] = math.tanh(v)
        out[4 * n + i] = math.sin(v)
        out[5 * n + i] = math.cos(v)
        out[6 * n + i] = math.erf(v)
        out[7 * n + i] = math.expm1(v)
        out[8 * n + i] = math.log1p(v)
        out[9 * n + i] = math.log2(v)
        out[10 * n + i] = math.atan(v)
        out[11 * n + i] = math.lgamma(v)
        out[12 * n + i] = v ** float32(2.5)
        out[13 * n + i] = float32(1.7) / v
        out[14 * n + i] = math.floor(v)
        out[15 * n + i] = math.fabs(v)
        out[16 * n + i] = cuda.fma(v, v, float32(3))


@pytest.mark.parametrize("count", [301, pytest.param(300_001, marks=pytest.mark.slow)])
@pytest.mark.parametrize("cc", [(7, 5), (8, 0), (12, 0)])
def test_functions_of_mathematics_are_those_of_float64_to_float32_precision(cc: tuple[int, int], count: int) -> None:
    x = np.linspace(0.05, 6, count, dtype=np.float32)
    out = np.zeros((len(FUNCTIONS), x.size), np.float32)
    assert run(all_functions, "FFu", -(-count // 128), 128, x, out, np.uint32(x.size), cc=cc) == []
    for (name, function, tolerance), found in zip(FUNCTIONS, out, strict=True):
        wanted = function(x.astype(np.float64))
        error = np.abs(found - wanted) / np.maximum(np.abs(wanted), 0.3)
        assert error.max() <= tolerance + 1e-7, name


def whole_numbers(a, b, out, n):
    i = uint32(cuda.grid(1))
    if i < n:
        x, y = a[i], b[i]
        out[i] = x + y
        out[n + i] = x * y
        out[2 * n + i] = x // y
        out[3 * n + i] = x % y
        out[4 * n + i] = (x << uint32(5)) | (x >> uint32(27))
        out[5 * n + i] = x ^ (y & uint32(0xFF00FF00))
        out[6 * n + i] = cuda.popc(x)
        out[7 * n + i] = cuda.clz(x)
        out[8 * n + i] = cuda.brev(x)
        out[9 * n + i] = (np.uint64(x) * np.uint64(y)) >> np.uint64(32)
        out[10 * n + i] = uint32(x - y)


def test_uint32_arithmetic_wraps_divides_and_shifts_as_numpy_does() -> None:
    rng = np.random.default_rng(1)
    n = 200
    a, b = (rng.integers(1, 1 << 32, n, dtype=np.uint32) >> np.uint32(rng.integers(0, 20)) for _ in range(2))
    a[:3], b[:3] = (0, 0xFFFFFFFF, 1), (1, 0xFFFFFFFF, 0xFFFFFFFF)
    b = np.maximum(b, 1)
    out = np.zeros((11, n), np.uint32)
    assert run(whole_numbers, "UUUu", 2, 128, a, b, out, np.uint32(n)) == []
    wide = a.astype(np.uint64)
    rotated = (wide << np.uint64(5) | wide >> np.uint64(27)).astype(np.uint32)
    wanted = [
        a + b, a * b, a // b, a % b, rotated, a ^ (b & np.uint32(0xFF00FF00)), np.bitwise_count(a),
        [32 - int(v).bit_length() for v in a], [int(f"{v:032b}"[::-1], 2) for v in a],
        wide * b.astype(np.uint64) >> np.uint64(32), a - b,
    ]  # fmt: skip
    for place, values in enumerate(wanted):
        assert (out[place] == np.asarray(values).astype(np.uint32)).all(), place


def signed_and_narrow(a, bytes_, out, n):
    i = cuda.grid(1)
    if i < n:
        out[i] = a[i] // 7
        out[n + i] = a[i] % 7
        out[2 * n + i] = a[i] >> 3
        out[3 * n + i] = abs(a[i])
        out[4 * n + i] = min(a[i], int32(-5))
        out[5 * n + i] = int32(float32(a[i]) * float32(0.37))
        out[6 * n + i] = bytes_[i] * 3
        bytes_[i] = np.uint8(bytes_[i] + 200)


def test_signed_numbers_and_bytes_keep_their_signs_and_widths() -> None:
    n = 100
    a = np.arange(-50, 50, dtype=np.int32) * np.int32(7919)
    small = np.arange(n).astype(np.uint8)
    out, changed = np.zeros((7, n), np.int32), small.copy()
    assert run(signed_and_narrow, "IBIi", 1, 128, a, changed, out, np.int32(n)) == []
    scaled = np.trunc(a.astype(np.float32) * np.float32(0.37))
    for place, values in enumerate([a // 7, a % 7, a >> 3, abs(a), np.minimum(a, -5), scaled, small * np.int32(3)]):
        assert (out[place] == values).all(), place
    assert (changed == small + np.uint8(200)).all()


def exchanges(x, out):
    i = cuda.threadIdx.x
    out[i] = cuda.shfl_down_sync(0xFFFFFFFF, x[i], 3)
    out[64 + i] = cuda.shfl_up_sync(0xFFFFFFFF, x[i], 3)
    out[128 + i] = cuda.shfl_xor_sync(0xFFFFFFFF, x[i], 5)
    out[192 + i] = cuda.shfl_sync(0xFFFFFFFF, x[i], 7)
    s = x[i]
    for o in (16, 8, 4, 2, 1):
        s += cuda.shfl_xor_sync(0xFFFFFFFF, s, o)
    out[256 + i] = s


def test_shuffles_move_values_within_a_warp_and_stop_at_its_ends() -> None:
    x, out = np.arange(64, dtype=np.float32) ** 2, np.zeros((5, 64), np.float32)
    assert run(exchanges, "FF", 1, 64, x, out) == []
    lane, warp = np.arange(64) % 32, np.arange(64) // 32 * 32
    wanted = [
        x[warp + np.where(lane + 3 < 32, lane + 3, lane)], x[warp + np.where(lane >= 3, lane - 3, lane)],
        x[warp + (lane ^ 5)], x[warp + 7], x.reshape(2, 32).sum(1).repeat(32),
    ]  # fmt: skip
    for place, values in enumerate(wanted):
        assert (out[place] == values).all(), place


def votes(x, out):
    i = cuda.threadIdx.x
    out[i] = cuda.ballot_sync(0xFFFFFFFF, x[i] > 10)
    out[64 + i] = cuda.any_sync(0xFFFFFFFF, x[i] == 63)
    out[128 + i] = cuda.all_sync(0xFFFFFFFF, x[i] < 32)
    out[192 + i] = cuda.syncthreads_count(int32(x[i] > 10))
    if i % 2 == 0:
        out[256 + i] = cuda.activemask()


def test_votes_count_the_threads_of_a_warp_and_of_a_block() -> None:
    x, out = np.arange(64, dtype=np.int32), np.zeros((5, 64), np.uint32)
    assert run(votes, "IU", 1, 64, x, out) == []
    assert set(out[0, :32]) == {0xFFFFFFFF << 11 & 0xFFFFFFFF} and set(out[0, 32:]) == {0xFFFFFFFF}
    assert not out[1, :32].any() and out[1, 32:].all()
    assert out[2, :32].all() and not out[2, 32:].any()
    assert (out[3] == 53).all()
    assert set(out[4, ::2]) == {0x55555555}


def atomics(x, sums, counts, n):
    held = cuda.shared.array(4, int32)
    i = cuda.grid(1)
    t = cuda.threadIdx.x
    if t < 4:
        held[t] = 0
    cuda.syncthreads()
    if i < n:
        cuda.atomic.add(sums, 0, x[i])
        cuda.atomic.max(counts, 0, int32(i))
        cuda.atomic.min(counts, 1, int32(i))
        cuda.atomic.add(held, t % 4, 1)
    cuda.syncthreads()
    if t < 4:
        cuda.atomic.add(counts, 2 + t, held[t])


def test_atomic_operations_lose_nothing() -> None:
    from numba import types

    n = 1000
    ptx, _ = cuda.compile_ptx(
        atomics, (types.float32[::1], types.float32[::1], types.int32[::1], types.int32), device=False, cc=(8, 0)
    )
    x, sums, counts = np.ones(n, np.float32), np.zeros(1, np.float32), np.array([0, 9999, 0, 0, 0, 0], np.int32)
    arguments = []
    for array in (x, sums, counts):
        numbers = 0, 0, array.size, array.itemsize, array.ctypes.data, array.size, array.itemsize
        arguments += [np.uint64(number).tobytes() for number in numbers]
    found = kernel_of(ptx).launch(
        (8, 1, 1), (128, 1, 1), [*arguments, np.int32(n).tobytes()], Memory.of(x, sums, counts)
    )
    assert found == []
    assert sums[0] == n and list(counts) == [999, 0, 250, 250, 250, 250]


def tiles(a, b, c, n):
    left = cuda.shared.array((16, 17), float32)
    right = cuda.shared.array((16, 17), float32)
    tx, ty = uint32(cuda.threadIdx.x), uint32(cuda.threadIdx.y)
    row, column = uint32(uint32(cuda.blockIdx.y) * uint32(16) + ty), uint32(uint32(cuda.blockIdx.x) * uint32(16) + tx)
    total = float32(0)
    start = uint32(0)
    while start < n:
        inside = row < n and uint32(start + tx) < n
        left[ty, tx] = a[uint32(row * n + start + tx)] if inside else float32(0)
        inside = column < n and uint32(start + ty) < n
        right[ty, tx] = b[uint32(uint32(start + ty) * n + column)] if inside else float32(0)
        cuda.syncthreads()
        for k in range(16):
            total += left[ty, uint32(k)] * right[uint32(k), tx]
        cuda.syncthreads()
        start = uint32(start + uint32(16))
    if row < n and column < n:
        c[uint32(row * n + column)] = total


@pytest.mark.parametrize("n", [1, 16, 37])
def test_a_product_by_tiles_in_shared_memory_is_the_product(n: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.standard_normal((2, n, n), dtype=np.float32)
    c = np.full((n, n), np.nan, np.float32)
    blocks = -(-n // 16)
    assert run(tiles, "FFFu", (blocks, blocks), (16, 16), a, b, c, np.uint32(n)) == []
    np.testing.assert_allclose(c, a.astype(np.float64) @ b, atol=1e-5)


def reversed_by_dynamic_memory(x, y):
    held = cuda.shared.array(0, float32)
    i = cuda.threadIdx.x
    held[i] = x[i]
    cuda.syncthreads()
    y[i] = held[cuda.blockDim.x - 1 - i]


def test_dynamic_shared_memory_is_as_large_as_the_launch_says() -> None:
    x, y = np.arange(64, dtype=np.float32), np.zeros(64, np.float32)
    assert run(reversed_by_dynamic_memory, "FF", 1, 64, x, y, shared_bytes=256) == []
    assert (y == x[::-1]).all()
    with pytest.raises(Fault, match=r"out of bounds: .* of 252 bytes of shared memory"):
        run(reversed_by_dynamic_memory, "FF", 1, 64, x, y, shared_bytes=252)


def until_found(x, out, n):
    i = uint32(cuda.grid(1))
    if i < n:
        v = uint32(x[i])
        steps = uint32(0)
        while v != uint32(1):
            v = uint32(v // uint32(2)) if v % uint32(2) == 0 else uint32(uint32(3) * v + uint32(1))
            steps = uint32(steps + uint32(1))
        out[i] = steps


def collatz(v: int) -> int:
    return 0 if v == 1 else 1 + collatz(v // 2 if v % 2 == 0 else 3 * v + 1)


def test_threads_that_go_different_ways_meet_again() -> None:
    x, out = np.arange(1, 101, dtype=np.uint32), np.zeros(100, np.uint32)
    assert run(until_found, "UUu", 4, 32, x, out, np.uint32(100)) == []
    assert list(out) == [collatz(v) for v in range(1, 101)]


def columns(x, out, n):
    i = uint32(cuda.threadIdx.x)
    total = float32(0)
    for k in range(32):
        total += x[uint32(uint32(k) * n + i)]
    out[i] = total


def rows(x, out, n):
    i = uint32(cuda.threadIdx.x)
    total = float32(0)
    for k in range(32):
        total += x[uint32(i * n + uint32(k))]
    out[i] = total


def bank_conflict(x, out, n):
    held = cuda.shared.array((32, 32), float32)
    i = cuda.threadIdx.x
    for k in range(32):
        held[i, k] = x[i]
    cuda.syncthreads()
    out[i] = held[31 - i, i]


@pytest.mark.parametrize(
    ("function", "space", "ratio"), [(columns, "global", 1), (rows, "global", 8), (bank_conflict, "shared", 32)]
)
def test_traffic_shows_how_the_threads_of_a_warp_share_it(function: Any, space: str, ratio: float) -> None:
    room = np.zeros(33 * 32 * 4 + 32, np.uint8)
    start = -room.ctypes.data % 32  # a sector begins here
    x, out = np.split(room[start : start + 33 * 32 * 4].view(np.float32), [32 * 32])
    kernel = kernel_of(ptx_of(function, "FFu"))
    arguments = [raw(value) for value in (x, out, np.uint32(32))]
    kernel.launch((1, 1, 1), (32, 1, 1), arguments, Memory.of(room), count_traffic=True)
    worst = max(traffic.ratio for traffic in kernel.traffic() if space in traffic.instruction)
    assert worst == pytest.approx(ratio, rel=0.01)

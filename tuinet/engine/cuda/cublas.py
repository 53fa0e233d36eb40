"""Matrix products by NVIDIA's cuBLAS, where its library is installed: half a gigabyte that nobody has to have.

It is called by ctypes, since a handful of its functions is all that is needed. cuBLAS takes matrices column by column.
What lies row by row is, read so, its own transpose; hence C = A B is asked for as C^T = B^T A^T, with the sides
exchanged, and nothing has to be turned.
"""

from __future__ import annotations

import ctypes
import weakref
from ctypes import byref, c_float, c_int, c_longlong, c_size_t, c_void_p
from dataclasses import dataclass
from functools import cache

import numpy as np

from ...errors import OutOfDeviceMemory
from ...kernels import gpu as words
from ...kernels.gpu import cuda  # noqa: F401  (lay_row is compiled with the real one)
from ...kernels.scalars import U
from . import driver

MATH_MODES = {"float32": 0, "tf32": 3}  # CUBLAS_DEFAULT_MATH, CUBLAS_TF32_TENSOR_OP_MATH
AS_IT_LIES, TURNED = 0, 1  # CUBLAS_OP_N, CUBLAS_OP_T
WORKSPACE = 32 << 20  # bytes: what its manual advises for the GPUs that want the most
ALLOC_FAILED = 3
ANSWERS = {1: "NOT_INITIALIZED", 7: "INVALID_VALUE", 8: "ARCH_MISMATCH", 13: "EXECUTION_FAILED", 15: "NOT_SUPPORTED"}
ONE, NOTHING = c_float(1), c_float(0)


@dataclass(frozen=True)
class Matrix:
    """Where a matrix lies, row by row: numbers from line to line, and from one matrix to the next of a batch.

    turned: its transpose is what is meant.
    """

    address: int
    line: int
    apart: int = 0
    turned: bool = False


@cache
def library():
    """cuBLAS, or None."""
    from cuda.pathfinder import DynamicLibNotFoundError, load_nvidia_dynamic_lib

    try:
        return ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
    except DynamicLibNotFoundError:
        return None


def found(gpu, precision):
    """cuBLAS on this GPU, or None. precision: "float32", or "tf32", which rounds what it multiplies to 10 bits."""
    return Cublas(library(), gpu, MATH_MODES[precision]) if library() is not None else None


class Cublas:
    """A handle on cuBLAS with memory of its own to work in, so that its products can be captured and are repeatable."""

    def __init__(self, functions, gpu, math_mode):
        self.functions, self.workspace, self.stream = functions, gpu.allocate(WORKSPACE), None
        self.handle = c_void_p()
        self._ask("cublasCreate_v2", byref(self.handle), on_handle=False)
        weakref.finalize(self, functions.cublasDestroy_v2, self.handle).atexit = False
        self._ask("cublasSetMathMode", c_int(math_mode))

    def product(self, stream, a, b, c, sizes, add, count=1):
        """C = A B, or C += A B; sizes (N, M, K): of A (N, K) and B (K, M). count: so many such products at once."""
        self._work_on(int(stream.handle))
        N, M, K = map(c_int, sizes)
        one, before = byref(ONE), byref(ONE if add else NOTHING)
        matrices = [(c_void_p(m.address), c_int(m.line), *[c_longlong(m.apart)] * (count > 1)) for m in (b, a, c)]
        codes = [c_int(TURNED if side.turned else AS_IT_LIES) for side in (b, a)]
        name, batch = ("cublasSgemmStridedBatched", [c_int(count)]) if count > 1 else ("cublasSgemm_v2", [])
        self._ask(name, *codes, M, N, K, one, *matrices[0], *matrices[1], before, *matrices[2], *batch)

    def _work_on(self, stream):
        """Go to another stream; that makes cuBLAS forget its workspace."""
        if stream != self.stream:
            self._ask("cublasSetStream_v2", c_void_p(stream))
            self._ask("cublasSetWorkspace_v2", c_void_p(self.workspace.address), c_size_t(WORKSPACE))
            self.stream = stream

    def _ask(self, name, *arguments, on_handle=True):
        answer = getattr(self.functions, name)(*[self.handle] * on_handle, *arguments)
        if answer == ALLOC_FAILED:
            raise OutOfDeviceMemory("the GPU has no memory left for cuBLAS")
        if answer:
            said = f"{ANSWERS.get(answer, 'an error')} ({answer})"
            raise driver.DeviceError(
                f"cuBLAS answers {said} to {name}; without the package nvidia-cublas tuinet multiplies by itself"
            )


# -- which calls are products -----------------------------------------------------------------------------

PLAIN = ("dense", "matmul_nn", "matmul_nt", "matmul_tn")
POINTWISE = ("conv2d", "conv2d_inputs", "conv2d_weights")


def lay_row(row, out, N, M):
    """out = in each of its rows the same: what a product with a bias adds to."""
    n, m = words.place()
    if n < N and m < M:
        out[U(n * M + m)] = row[m]


def launches(call, sizes, arena, kernels):
    """The launches of this call by cuBLAS; none where it has no cuBLAS, or is no product."""
    name = call.op.name
    if kernels.blas is None or not (name in PLAIN or (name in POINTWISE and is_pointwise(sizes["geometry"]))):
        return []
    address = {n: arena.address(slot) for n, slot in zip(call.op.operands, call.operands, strict=True)}
    a, b, c, shape, count = (plain if name in PLAIN else pointwise)(call.op, address, sizes)
    bias, found = "b" in call.op.inputs and name in ("dense", "conv2d"), []
    if bias:
        rows, columns = shape[0], shape[1] * count
        rule = words.numbers("rows", "columns")
        made = kernels.get("lay_row", lay_row, ["f*", "f*", "u", "u"], rule.bounds)
        to = driver.configured(rule, {"rows": rows, "columns": columns})
        found.append((to, made, address["b"], c.address, np.uint32(rows), np.uint32(columns)))
    add = bool(bias or call.keep)
    return [*found, lambda stream: kernels.blas.product(stream, a, b, c, shape, add, count)]


def plain(op, address, sizes):
    """A matrix product as its docstring has it: which of the letters N, M, K stand where says what is turned."""

    def side(operand, letters):
        return Matrix(address[operand], sizes[op.dims[operand][1]], turned=op.dims[operand] != letters)

    a, b = op.inputs[:2]
    out = Matrix(address[op.results[0]], sizes["M"])
    return side(a, ("N", "K")), side(b, ("K", "M")), out, (sizes["N"], sizes["M"], sizes["K"]), 1


def is_pointwise(geometry):
    """Whether each window is one place of the image, and each place a window: then the windows are the image."""
    g = geometry
    return g.tall == g.wide == g.down == g.right == 1 and (g.rows, g.columns) == (g.height, g.width)


def pointwise(op, address, sizes):
    """A convolution whose windows are one place wide: for each group a product, side by side in the same lines."""
    g, O = sizes["geometry"], sizes["O"]  # noqa: E741
    places, depth, share = sizes["N"] * g.rows * g.columns, g.channels // g.groups, O // g.groups
    if op.name == "conv2d":
        x, W = Matrix(address["x"], g.channels, depth), Matrix(address["W"], O, share)
        return x, W, Matrix(address["y"], O, share), (places, share, depth), g.groups
    if op.name == "conv2d_inputs":
        dy, V = Matrix(address["dy"], O, share), Matrix(address["V"], depth, share * depth)
        return dy, V, Matrix(address["dx"], g.channels, depth), (places, depth, share), g.groups
    x, dy = Matrix(address["x"], g.channels, depth, turned=True), Matrix(address["dy"], O, share)
    return x, dy, Matrix(address["dW"], O, share), (depth, share, places), g.groups

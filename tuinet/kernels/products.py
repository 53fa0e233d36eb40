"""Matrix products. The suffix says how each side lies in memory: n as it is, t transposed."""

from __future__ import annotations

from . import gpu
from .blas import gemm, gemm_row
from .gpu import cuda
from .op import op
from .scalars import ZERO, F, U

TILES = gpu.Launch((16, 16), lambda s: (gpu.blocks(s["M"], 16), gpu.blocks(s["N"], 16), 1))


@gpu.device
def product(a, a_row, a_step, b, b_row, b_step, N, M, K):
    """(n, m, the sum of a[n, k] b[k, m]) for this thread, by tiles of 16 x 16."""
    left, right = cuda.shared.array((16, 17), F), cuda.shared.array((16, 17), F)
    x, y = U(cuda.threadIdx.x), U(cuda.threadIdx.y)
    n, m = U(U(cuda.blockIdx.y) * U(16) + y), U(U(cuda.blockIdx.x) * U(16) + x)
    total = ZERO
    for begin in range(U(0), K, U(16)):
        k = U(begin + x)
        left[y, x] = a[U(n * a_row + k * a_step)] if n < N and k < K else ZERO
        k = U(begin + y)
        right[y, x] = b[U(k * b_row + m * b_step)] if m < M and k < K else ZERO
        cuda.syncthreads()
        for i in range(16):
            total += left[y, i] * right[i, x]
        cuda.syncthreads()
    return n, m, total


@op(cut="N M")
def dense(x, W, b):
    """y = x W + b        x (N, K)   W (K, M)   b (M)   y (N, M)"""
    return x @ W + b


@dense.gradient
def dense_gradient(ops, d, x, W, b, y):
    d[x] += ops.matmul_nt(d[y], W)
    d[W] += ops.matmul_tn(x, d[y])
    d[b] += ops.sum_rows(d[y])


@dense.cpu
def dense_cpu(x, W, b, y):
    gemm_row(x, W, b, y)


@dense.cuda(TILES)
def dense_cuda(x, W, b, y, N, K, M):
    n, m, total = product(x, K, U(1), W, M, U(1), N, M, K)
    if n < N and m < M:
        y[U(n * M + m)] = total + b[m]


# ------------------------------------------------------------------------------------------


@op(keeps=True, cut="N M")
def matmul_nn(a, b):
    """out = a b        a (N, K)   b (K, M)   out (N, M)"""
    return a @ b


@matmul_nn.gradient
def matmul_nn_gradient(ops, d, a, b, out):
    d[a] += ops.matmul_nt(d[out], b)
    d[b] += ops.matmul_tn(a, d[out])


@matmul_nn.cpu
def matmul_nn_cpu(a, b, out, keep):
    gemm(a, False, b, False, out, keep)


@matmul_nn.cuda(TILES)
def matmul_nn_cuda(a, b, out, N, K, M, keep):
    n, m, total = product(a, K, U(1), b, M, U(1), N, M, K)
    if n < N and m < M:
        out[U(n * M + m)] = out[U(n * M + m)] + total if keep else total


# ------------------------------------------------------------------------------------------


@op(keeps=True, cut="N M")
def matmul_nt(a, b):
    """out = a b^T        a (N, K)   b (M, K)   out (N, M)"""
    return a @ b.T


@matmul_nt.gradient
def matmul_nt_gradient(ops, d, a, b, out):
    d[a] += ops.matmul_nn(d[out], b)
    d[b] += ops.matmul_tn(d[out], a)


@matmul_nt.cpu
def matmul_nt_cpu(a, b, out, keep):
    gemm(a, False, b, True, out, keep)


@matmul_nt.cuda(TILES)
def matmul_nt_cuda(a, b, out, N, K, M, keep):
    n, m, total = product(a, K, U(1), b, U(1), K, N, M, K)
    if n < N and m < M:
        out[U(n * M + m)] = out[U(n * M + m)] + total if keep else total


# ------------------------------------------------------------------------------------------


@op(keeps=True, cut="N M")
def matmul_tn(a, b):
    """out = a^T b        a (K, N)   b (K, M)   out (N, M)"""
    return a.T @ b


@matmul_tn.gradient
def matmul_tn_gradient(ops, d, a, b, out):
    d[a] += ops.matmul_nt(b, d[out])
    d[b] += ops.matmul_nn(a, d[out])


@matmul_tn.cpu
def matmul_tn_cpu(a, b, out, keep):
    gemm(a, True, b, False, out, keep)


@matmul_tn.cuda(TILES)
def matmul_tn_cuda(a, b, out, K, N, M, keep):
    n, m, total = product(a, U(1), N, b, M, U(1), N, M, K)
    if n < N and m < M:
        out[U(n * M + m)] = out[U(n * M + m)] + total if keep else total

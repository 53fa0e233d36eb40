"""Matrix products. The suffix says how each side lies in memory: n as it is, t transposed."""

from __future__ import annotations

from .blas import gemm, gemm_row
from .gpu_tiles import ACROSS, ALONG, products, put, put_on_row
from .op import op
from .scalars import U


def one(s):
    """One product of these sizes."""
    return 1, s["N"], s["M"], s["K"]


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


@products(dense, one, ALONG, ACROSS, put_on_row)
def dense_cuda(multiply):
    def kernel(x, W, b, y, N, K, M, room):
        multiply((x, U(0), K), (W, U(0), M), (y, U(0), M, b, U(0)), U(0), 1, N, M, K, room)

    return kernel


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


@products(matmul_nn, one, ALONG, ACROSS, put)
def matmul_nn_cuda(multiply):
    def kernel(a, b, out, N, K, M, keep, room):
        multiply((a, U(0), K), (b, U(0), M), (out, U(0), M, keep), U(0), 1, N, M, K, room)

    return kernel


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


@products(matmul_nt, one, ALONG, ALONG, put)
def matmul_nt_cuda(multiply):
    def kernel(a, b, out, N, K, M, keep, room):
        multiply((a, U(0), K), (b, U(0), K), (out, U(0), M, keep), U(0), 1, N, M, K, room)

    return kernel


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


@products(matmul_tn, one, ACROSS, ACROSS, put)
def matmul_tn_cuda(multiply):
    def kernel(a, b, out, K, N, M, keep, room):
        multiply((a, U(0), N), (b, U(0), M), (out, U(0), M, keep), U(0), 1, N, M, K, room)

    return kernel

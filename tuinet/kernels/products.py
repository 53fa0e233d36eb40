"""Matrix products. The suffix says how each side lies in memory: n as it is, t transposed."""

from __future__ import annotations

from .blas import gemm, gemm_row
from .op import op


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

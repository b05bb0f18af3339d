"""Leaky ReLU in Triton, written by hand. It is a separate file, because Triton reads a kernel's source."""

import triton
import triton.language as tl

# (elements of a program, warps): all are tried, and the best is timed.
SHAPES = ((1024, 4), (2048, 8), (4096, 8))


@triton.jit
def forward_kernel(x, y, count, alpha, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < count
    value = tl.load(x + at, mask=inside).to(tl.float32)
    tl.store(y + at, tl.where(value > 0, value, alpha * value).to(y.dtype.element_ty), mask=inside)


@triton.jit
def backward_kernel(dy, x, dx, count, alpha, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < count
    value = tl.load(x + at, mask=inside).to(tl.float32)
    gradient = tl.load(dy + at, mask=inside).to(tl.float32)
    tl.store(dx + at, tl.where(value > 0, gradient, alpha * gradient).to(dx.dtype.element_ty), mask=inside)


def forward(x, y, alpha, block, warps):
    forward_kernel[(triton.cdiv(x.numel(), block),)](x, y, x.numel(), alpha, BLOCK=block, num_warps=warps)


def backward(dy, x, dx, alpha, block, warps):
    backward_kernel[(triton.cdiv(x.numel(), block),)](dy, x, dx, x.numel(), alpha, BLOCK=block, num_warps=warps)

"""rectify::forward, the operator for tracers (torch.compile, torch.export): _forward with an autograd formula, from which
AOTAutograd makes the graph of backward."""

from __future__ import annotations

import torch

from . import _batching, _kernels, _ops
from ._autograd import Call, gradients, kept, run_backward, shapes_of


def _setup_context(ctx, inputs, output) -> None:
    *operands, save = inputs
    tensors, settings = operands[:7], operands[7:]
    y, mask = output
    ctx.mark_non_differentiable(mask)
    ctx.save_for_backward(*kept(tensors, y, mask, save))
    alpha, threshold, max_value, gain, channel_axis, mask_bits, order = settings
    ctx.call = Call(alpha, threshold, max_value, gain, channel_axis, save, mask_bits, order)
    ctx.shapes = shapes_of(tensors)


def _backward(ctx, dy, _):
    terms = gradients(run_backward, ctx.needs_input_grad, ctx.shapes, dy, ctx.saved_tensors, ctx.call)
    return *terms, *([None] * 8)


def _kernel(*operands):
    return _kernels.forward_all(*operands[:-1])


def _fake(*operands):
    return _ops.fake_forward(*operands[:-1])


def _batched(info, in_dims, *operands):
    return _batching.forward(info, in_dims[:-1], *operands[:-1])


forward = _ops.register(f"forward{_ops.FORWARD}, str save) -> (Tensor y, Tensor mask)", _kernel, _fake, _batched)
torch.library.register_autograd("rectify::forward", _backward, setup_context=_setup_context, lib=_ops.library)

"""The same gradients for torch.func (grad, vmap, jvp, hessian, ...) and for forward mode: Functions with setup_context, which
takes about 45 us more per call than the Functions of _autograd.py. They keep x, which serves for all derivatives."""

from __future__ import annotations

import torch
from torch.autograd import Function

from . import _ops
from ._autograd import Call, gradients, run_backward, shapes_of
from ._ops import Outputs
from ._second_order import Directions, Operands, direction_of_gradients, direction_of_y, second_order


class Forward(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x, scale, bias, residual, alpha, threshold, max_value, call: Call):
        y, _ = _ops.forward(x, scale, bias, residual, alpha, threshold, max_value, *call.settings)
        return y

    @staticmethod
    def setup_context(ctx, inputs, output):
        *operands, call = inputs
        ctx.save_for_backward(*operands)
        ctx.save_for_forward(*operands)
        ctx.shapes, ctx.call = shapes_of(operands), call

    @staticmethod
    def backward(ctx, dy):
        return *gradients(Backward.apply, ctx.needs_input_grad, ctx.shapes, dy, ctx.saved_tensors, ctx.call), None

    @staticmethod
    def jvp(ctx, x, scale, bias, residual, alpha, threshold, max_value, _):
        operands = ctx.saved_tensors
        at = Operands(Backward.apply, (operands[0], *operands), ctx.call)  # dy is read for its shape and dtype alone
        dy = direction_of_y(at, Directions(x, residual, scale, bias, alpha, threshold, max_value))
        return _like(operands[0], dy)


class Backward(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(dy, x, scale, bias, residual, alpha, threshold, max_value, call: Call, outputs: Outputs):
        return tuple(run_backward(dy, x, scale, bias, residual, alpha, threshold, max_value, call, outputs))

    @staticmethod
    def setup_context(ctx, inputs, output):
        *tensors, call, outputs = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)
        ctx.call, ctx.outputs = call, outputs

    @staticmethod
    def backward(ctx, *cotangents):
        terms = second_order(Backward.apply, ctx.saved_tensors, ctx.call, ctx.outputs, cotangents, ctx.needs_input_grad)
        return *terms, None, None

    @staticmethod
    def jvp(ctx, ddy, x, scale, bias, residual, alpha, threshold, max_value, *_):
        at = Operands(Backward.apply, ctx.saved_tensors, ctx.call)
        u = Directions(x, residual, scale, bias, alpha, threshold, max_value)
        return direction_of_gradients(at, ddy, u, ctx.outputs)


def _like(tensor, change):
    return torch.zeros_like(tensor) if change is None else change.to(tensor.dtype).expand(tensor.shape)

"""The same gradients for torch.func (grad, vmap, jvp, hessian, ...) and for forward mode: Functions with setup_context, which
takes about 45 us more per call than the Functions of _autograd.py. They keep x, which serves for all derivatives."""

from __future__ import annotations

import dataclasses

import torch
from torch.autograd import Function

from . import _ops
from ._autograd import Call, gradients, run_backward, shapes_of
from ._kernels import Outputs
from ._second_order import Directions, Operands, direction_of_gradients, direction_of_y, second_order


@dataclasses.dataclass(frozen=True)
class Request:
    """The last argument of Backward. torch.func takes tuples apart, but not this."""

    call: Call
    outputs: Outputs


def backward(*arguments):
    """A backward pass that can be differentiated: the arguments of run_backward()."""
    *tensors, call, outputs = arguments
    return Backward.apply(*tensors, Request(call, outputs))


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
        return *gradients(backward, ctx.needs_input_grad, ctx.shapes, dy, ctx.saved_tensors, ctx.call), None

    @staticmethod
    def jvp(ctx, x, scale, bias, residual, alpha, threshold, max_value, _):
        operands = ctx.saved_tensors
        at = Operands(backward, (operands[0], *operands), ctx.call)  # dy is read for its shape and dtype alone
        dy = direction_of_y(at, Directions(x, residual, scale, bias, alpha, threshold, max_value))
        return _like(operands[0], dy)


class Backward(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(dy, x, scale, bias, residual, alpha, threshold, max_value, request: Request):
        tensors = (dy, x, scale, bias, residual, alpha, threshold, max_value)
        return tuple(run_backward(*tensors, request.call, request.outputs))

    @staticmethod
    def setup_context(ctx, inputs, output):
        *tensors, ctx.request = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)

    @staticmethod
    def backward(ctx, *cotangents):
        call, outputs = ctx.request.call, ctx.request.outputs
        return *second_order(backward, ctx.saved_tensors, call, outputs, cotangents, ctx.needs_input_grad), None

    @staticmethod
    def jvp(ctx, ddy, x, scale, bias, residual, alpha, threshold, max_value, _):
        at = Operands(backward, ctx.saved_tensors, ctx.request.call)
        u = Directions(x, residual, scale, bias, alpha, threshold, max_value)
        return direction_of_gradients(at, ddy, u, ctx.request.outputs)


def _like(tensor, change):
    return torch.zeros_like(tensor) if change is None else change.to(tensor.dtype).expand(tensor.shape)

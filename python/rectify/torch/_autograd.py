"""Gradients of the operators for autograd: one Function for the plain rectifier, one for a call with operands, and their
backward passes, which are Functions too and so can be differentiated again.

    z = x * scale + bias + residual,   y = value(z) * gain,   g = dy * gain,   dz = g * slope(z)

A backward pass is linear in dy, and its derivative with respect to dy is another one. _second_order has the other terms.
"""

from __future__ import annotations

from typing import Callable, Optional, Sequence

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd import forward_ad as _forward_ad

from . import _kernels, _ops
from ._kernels import Outputs
from ._second_order import second_order


class Call:
    """What a call has besides its tensors. A class, not a tuple, so that no tracer takes it apart."""

    __slots__ = ("alpha", "threshold", "max_value", "gain", "channel_axis", "save", "settings")

    def __init__(self, alpha, threshold, max_value, gain, channel_axis, save, mask_bits, order):
        self.alpha, self.threshold, self.max_value, self.gain = alpha, threshold, max_value, gain
        self.channel_axis = channel_axis
        self.save = save  # what backward reads: "x", "y" or "mask"
        # In the order of the operators' schemas. mask_bits is 0 unless save is "mask"; `order` is that of the mask's bits: the
        # axes of x, outermost first, or None for row-major.
        self.settings = (alpha, threshold, max_value, gain, channel_axis, mask_bits, order)


# --- What forward keeps, and what backward makes of it ----------------------------------------------------------------------


def kept(operands: Sequence[Optional[Tensor]], y: Optional[Tensor], mask: Optional[Tensor], save: str):
    """The tensors to keep for backward: the source, then scale, bias, residual, alpha, threshold and max_value, without those
    that no gradient depends on."""
    x, scale, bias, residual, *parameters = operands
    if save == "x":
        return x, scale, bias, residual, *parameters
    return y if save == "y" else mask, scale, None, None, *parameters


def shapes_of(operands: Sequence[Optional[Tensor]]):
    """The shapes of scale, bias, alpha, threshold and max_value, which are those of their gradients."""
    _, scale, bias, _, *parameters = operands
    return [None if parameter is None else parameter.shape for parameter in (scale, bias, *parameters)]


def gradients(apply: Callable, needs: Sequence[bool], shapes, dy: Tensor, saved, call) -> tuple[Optional[Tensor], ...]:
    """The gradients of x, scale, bias, residual, alpha, threshold and max_value, None for those that are not needed."""
    x, scale, bias, residual, *parameters = needs[:7]
    sums = [
        0 if not needed else 1 if shape.numel() == 1 else 2
        for needed, shape in zip((scale, bias, *parameters), shapes)
    ]  # fmt: skip
    outputs = Outputs(int(x), int(residual), *sums)
    computed = iter(apply(dy, *saved, call, outputs)) if any(outputs) else iter(())
    dx, dresidual, *rest = (next(computed) if requested else None for requested in outputs)
    dscale, dbias, *dparameters = (
        None if gradient is None else gradient.reshape(shape) for gradient, shape in zip(rest, shapes)
    )
    return dx, dscale, dbias, dresidual, *dparameters


def run_backward(dy, source, scale, bias, residual, alpha, threshold, max_value, call: Call, outputs: Outputs):
    """The operator, without a gradient of its own."""
    return _ops.backward(
        dy, source, call.save, scale, bias, residual, alpha, threshold, max_value, *call.settings, list(outputs)
    )


def backward_pass() -> Callable:
    """A backward pass, with the arguments of run_backward(), that autograd can differentiate as it is set now. A second Function
    costs as much as the whole operator, and is needed only for a gradient of this gradient."""
    if is_transformed():
        from ._functorch import backward

        return backward
    return fused_backward if torch.is_grad_enabled() else run_backward


def is_transformed() -> bool:
    """True under a transform of torch.func, or in forward mode. The call itself may have been before."""
    return _forward_ad._current_level >= 0 or torch._C._are_functorch_transforms_active()


def fused_backward(*arguments):
    *tensors, _, _ = arguments
    return (FusedRectifyGradient.apply if _ops.is_ordinary(*tensors) else run_operator)(*arguments)


def run_operator(dy, source, *arguments):
    """The same as run_backward() through the dispatcher, where the operator has a formula for autograd (_formulas.py)."""
    *operands, call, outputs = arguments
    return _ops.backward_by_operator(dy, source, call.save, *operands, *call.settings, list(outputs))


# --- The plain rectifier ----------------------------------------------------------------------------------------------------


class Rectify(Function):
    """y = value(x) of an ordinary tensor (_ops.is_ordinary). `settings` is (from_y, alpha, threshold, max_value): it keeps y, if
    the region can be read off it, or x."""

    @staticmethod
    def forward(ctx, x, settings):
        from_y, *numbers = settings
        y = _kernels.relu(x, *numbers)
        ctx.save_for_backward(y if from_y else x)
        ctx.settings = settings
        return y

    @staticmethod
    def backward(ctx, dy):
        (source,) = ctx.saved_tensors
        return plain_backward(dy, source, ctx.settings), None


def plain_backward(dy, source, settings):
    """dx; see backward_pass()."""
    is_ordinary = _ops.is_ordinary(dy, source)  # then there is no transform of torch.func either
    if is_ordinary and not torch.is_grad_enabled() and _forward_ad._current_level < 0:
        return _kernels.relu_backward(dy, source, *settings)
    if is_transformed():
        from_y, *numbers = settings
        call = Call(*numbers, 1.0, 1, "y" if from_y else "x", 0, None)
        return backward_pass()(dy, source, *([None] * 6), call, Outputs(dx=1))[0]
    if not torch.is_grad_enabled():
        return _ops.relu_backward(dy, source, *settings)
    if is_ordinary:
        return RectifyGradient.apply(dy, source, settings)
    return _ops.relu_backward_by_operator(dy, source, *settings)


class RectifyInPlace(Function):
    """The same in place. y must be what backward reads, as x is no more."""

    @staticmethod
    def forward(ctx, x, settings):
        _, *numbers = settings
        _ops.relu_(x, *numbers)
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        ctx.settings = settings
        return x

    @staticmethod
    def backward(ctx, dy):
        return Rectify.backward(ctx, dy)


class RectifyGradient(Function):
    """dx = dy * slope, which is linear in dy, and does not depend on x but at the limits of the regions."""

    @staticmethod
    def forward(ctx, dy, source, settings):
        ctx.save_for_backward(source)
        ctx.settings = settings
        return _ops.relu_backward(dy, source, *settings)

    @staticmethod
    def backward(ctx, ddx):
        (source,) = ctx.saved_tensors
        return plain_backward(ddx, source, ctx.settings), None, None


# --- A call with operands ---------------------------------------------------------------------------------------------------


class FusedRectify(Function):
    @staticmethod
    def forward(ctx, x, scale, bias, residual, alpha, threshold, max_value, call):
        operands = (x, scale, bias, residual, alpha, threshold, max_value)
        y, mask = _ops.forward(*operands, *call.settings)
        ctx.save_for_backward(*kept(operands, y, mask, call.save))
        ctx.shapes, ctx.call = shapes_of(operands), call
        return y

    @staticmethod
    def backward(ctx, dy):
        return *gradients(backward_pass(), ctx.needs_input_grad, ctx.shapes, dy, ctx.saved_tensors, ctx.call), None


class FusedRectifyGradient(Function):
    @staticmethod
    def forward(ctx, dy, source, scale, bias, residual, alpha, threshold, max_value, call, outputs):
        tensors = (dy, source, scale, bias, residual, alpha, threshold, max_value)
        ctx.save_for_backward(*tensors)
        ctx.call, ctx.outputs = call, outputs
        ctx.set_materialize_grads(False)  # a cotangent that is None has no terms
        return tuple(run_backward(*tensors, call, outputs))

    @staticmethod
    def backward(ctx, *cotangents):
        terms = second_order(backward_pass(), ctx.saved_tensors, ctx.call, ctx.outputs, cotangents, ctx.needs_input_grad)
        return *terms, None, None


# Function.apply without its part in Python, which takes 5 us to bind default arguments and to unwrap tensors that outlived a
# transform of torch.func. For ordinary tensors outside of transforms (_ops.is_ordinary).
apply_plain = super(Function, Rectify).apply
apply_fused = super(Function, FusedRectify).apply

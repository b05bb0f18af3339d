"""Autograd formulas of the operators, for calls that the Functions of _autograd.py cannot serve: tracers, which record operators,
modes, and batches of torch.autograd.grad(is_grads_batched=True). And rectify::forward, the operator for torch.compile,
torch.export and torch.jit.trace: _forward with `save`, from which AOTAutograd makes the graph of backward."""

from __future__ import annotations

import math

import torch
from torch._subclasses.functional_tensor import FunctionalTensorMode

from . import _batching, _kernels, _lowering, _ops
from ._autograd import Call, gradients, kept, run_operator, shapes_of
from ._kernels import Outputs
from ._second_order import second_order


def _register(name: str, backward, setup_context) -> None:
    torch.library.register_autograd(f"rectify::{name}", backward, setup_context=setup_context, lib=_ops.library)


# --- The plain rectifier ----------------------------------------------------------------------------------------------------


def _setup_relu(ctx, inputs, output) -> None:
    x, *numbers = inputs
    ctx.save_for_backward(x)
    ctx.arguments = (False, *numbers)


def _relu_backward(ctx, dy):
    return _ops.relu_backward_by_operator(dy, *ctx.saved_tensors, *ctx.arguments), None, None, None


def _setup_relu_backward(ctx, inputs, output) -> None:
    _, source, *ctx.arguments = inputs
    ctx.save_for_backward(source)


def _relu_backward_backward(ctx, ddx):
    """dx does not depend on the source but at the limits of the regions."""
    return _ops.relu_backward_by_operator(ddx, *ctx.saved_tensors, *ctx.arguments), *([None] * 5)


# --- A call with operands ---------------------------------------------------------------------------------------------------


def _setup_forward(ctx, inputs, output) -> None:
    _set_up(ctx, inputs, "x", output)


def _set_up(ctx, inputs, save: str, output) -> None:
    operands, settings = inputs[:7], inputs[7:]
    y, mask = output
    ctx.mark_non_differentiable(mask)
    ctx.save_for_backward(*kept(operands, y, mask, save))
    ctx.shapes, ctx.call = shapes_of(operands), _call(settings, save)


def _call(settings, save: str) -> Call:
    alpha, threshold, max_value, gain, channel_axis, mask_bits, order = settings
    return Call(alpha, threshold, max_value, gain, channel_axis, save, mask_bits, order)


def _forward_backward(ctx, dy, _):
    terms = gradients(run_operator, ctx.needs_input_grad, ctx.shapes, dy, ctx.saved_tensors, ctx.call)
    return *terms, *([None] * 7)


def _setup_backward(ctx, inputs, output) -> None:
    dy, source, source_kind, *others = inputs
    operands, settings, outputs = others[:6], others[6:13], others[13]
    ctx.save_for_backward(dy, source, *operands)
    ctx.call, ctx.outputs = _call(settings, source_kind), Outputs(*outputs)
    ctx.needs = [ctx.needs_input_grad[i] for i in (0, 1, *range(3, 9))]


def _backward_backward(ctx, *cotangents):
    cotangents = [cotangent for cotangent, requested in zip(cotangents, ctx.outputs) if requested]
    of_dy, of_source, *terms = second_order(run_operator, ctx.saved_tensors, ctx.call, ctx.outputs, cotangents, ctx.needs)
    return of_dy, of_source, None, *terms, *([None] * 8)


_register("_relu", _relu_backward, _setup_relu)
_register("_relu_backward", _relu_backward_backward, _setup_relu_backward)
_register("_forward", _forward_backward, _setup_forward)
_register("_backward", _backward_backward, _setup_backward)


# --- The operator for tracers -----------------------------------------------------------------------------------------------


_MAX_VALUE = 9  # its place among the operands


def _with_cap(operands):
    """The operands of _forward. No cap is None here, as AOTInductor writes a graph as JSON, which has no infinity."""
    *operands, _ = operands
    if operands[_MAX_VALUE] is None:
        operands[_MAX_VALUE] = math.inf
    return operands


def _kernel(*operands):
    return _kernels.forward_all(*_with_cap(operands))


def _fake(*operands):
    return _ops.fake_forward(*_with_cap(operands))


def _batched(info, in_dims, *operands):
    return _batching.forward(info, in_dims[:-1], *_with_cap(operands))


def _setup(ctx, inputs, output) -> None:
    _set_up(ctx, _with_cap(inputs), inputs[-1], output)


def _derivative(ctx, dy, dmask):
    return *_forward_backward(ctx, dy, dmask), None


_schema = f"forward{_ops.FORWARD}, str save) -> (Tensor y, Tensor mask)".replace("float max_value", "float? max_value")
_operator = _ops.register(_schema, _kernel, _fake, _batched)
_register("forward", _derivative, _setup)
for _name, _rule in (("forward", _lowering.forward), ("_backward", _lowering.backward)):
    torch.library.register_torch_dispatch(f"rectify::{_name}", FunctionalTensorMode, _rule, lib=_ops.library)


def forward(*operands):
    operands = list(operands)
    if operands[_MAX_VALUE] == math.inf:
        operands[_MAX_VALUE] = None
    return _operator(*operands)

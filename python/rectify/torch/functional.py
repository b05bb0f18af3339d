"""The functions of torch.nn.functional that rectify has, with the same arguments, and rectify() with every operand.

    y = value(z) * gain,    z = x * scale + bias + residual (what is absent is left out)

    value(z) = alpha * (z - threshold)   if not z > threshold
               max_value                 if z >= max_value
               z                         otherwise

Tensors are of float16, bfloat16, float32 or float64 (the first three are computed in float32), on the CPU or on CUDA, with any
strides from 0 up. A parameter (scale, bias, alpha, threshold, max_value) has one element, or one per channel: those are the
indices of axis `channel_axis`. Its dtype is that of x, or float32 beside 16-bit x. Results have x's shape, dtype and order.

Every function is differentiable, in all tensors and any number of times; gradients with respect to a parameter are summed in
the pass that computes the gradient of x. docs/semantics.md lists the inputs for which torch's own functions give another
result.

`save` chooses what is kept for backward: "x", "y" or "mask" (1 or 2 bits per element), or "auto": y if the region of an
element can be read off it, otherwise a mask, and x only if the gradient of a tensor of alphas or scales is needed. The gradients
have the same bits, except if y is rounded across the limit of a region (docs/masks.md).

Errors are those of the package: InvalidArgument and InvalidType name the operand, what was expected, and what came.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Optional, Union

import torch
from torch import Tensor
from torch.autograd import forward_ad as _forward_ad

from . import _autograd, _composed, _dtensor, _formulas, _functorch, _kernels, _lowering, _ops
from ._saving import SAVE, Numbers, cap_shows, require_save, resolve
from .._errors import InvalidArgument, InvalidType

Parameter = Union[float, Tensor]

_is_compiling = torch.compiler.is_compiling
_grad_enabled = torch.is_grad_enabled
_tracing_state = torch._C._get_tracing_state
_transforms_active = torch._C._are_functorch_transforms_active
_INFINITY = math.inf
_ABSENT = (None,) * 6  # the operands besides x

__all__ = [
    "bias_leaky_relu", "fused_leaky_relu", "hardtanh", "leaky_relu", "prelu", "rectify", "relu", "relu6", "threshold",
]  # fmt: skip


def relu(input: Tensor, inplace: bool = False, *, save: str = "auto") -> Tensor:
    """max(input, 0), with NaN for NaN; the slope at 0 is 0. As torch.nn.functional.relu."""
    return _plain(input, 0.0, 0.0, _INFINITY, inplace, save)


def relu6(input: Tensor, inplace: bool = False, *, save: str = "auto") -> Tensor:
    """min(max(input, 0), 6); the slope at 0 and at 6 is 0. As torch.nn.functional.relu6."""
    return _plain(input, 0.0, 0.0, 6.0, inplace, save)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False, *, save: str = "auto") -> Tensor:
    """input above 0, negative_slope * input otherwise. As torch.nn.functional.leaky_relu. The default is PyTorch's; it is a
    hyperparameter (docs/choosing-alpha.md)."""
    return _plain(input, _number("negative_slope", negative_slope), 0.0, _INFINITY, inplace, save)


def threshold(input: Tensor, threshold: float, value: float = 0, inplace: bool = False, *, save: str = "auto") -> Tensor:
    """input above the threshold, 0 otherwise. As torch.nn.functional.threshold, for value 0 alone."""
    if value != 0:
        raise InvalidArgument(f"value: expected 0, got {value}; torch.nn.functional.threshold has any value")
    return _plain(input, 0.0, _number("threshold", threshold), _INFINITY, inplace, save)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False, *, save: str = "auto"
) -> Tensor:
    """min(max(input, 0), max_val): the clipped ReLU. As torch.nn.functional.hardtanh, for min_val 0 alone. The default is
    PyTorch's, which is an error, not another function of the same name."""
    if min_val != 0:
        raise InvalidArgument(f"min_val: expected 0, got {min_val}; torch.nn.functional.hardtanh has any min_val")
    return _plain(input, 0.0, 0.0, _number("max_val", max_val), inplace, save)


def prelu(input: Tensor, weight: Tensor, *, save: str = "auto") -> Tensor:
    """input above 0, weight * input otherwise; weight has one element, or one per channel of axis 1. As
    torch.nn.functional.prelu. Its gradient is summed in float32 for 16-bit inputs, and weight may be float32 beside them."""
    _require_tensor("input", input)
    _require_tensor("weight", weight)
    channels = input.shape[1] if input.dim() > 1 else 1
    if weight.numel() not in (1, channels):
        expected = "1 element" if channels == 1 else f"1 or {channels} elements, as input has {channels} channels"
        raise InvalidArgument(f"weight: expected {expected}, got {weight.numel()}")
    return rectify(input, alpha=weight, save=save)


def bias_leaky_relu(
    input: Tensor, bias: Tensor, negative_slope: float = 0.01, *, channel_axis: int = 1, save: str = "auto"
) -> Tensor:
    """leaky_relu(input + bias) in one pass, with bias along channel_axis; its gradient is computed in backward's pass."""
    return rectify(input, alpha=negative_slope, bias=bias, channel_axis=channel_axis, save=save)


def fused_leaky_relu(
    input: Tensor, bias: Optional[Tensor] = None, negative_slope: float = 0.2, scale: float = 2**0.5, *, save: str = "auto"
) -> Tensor:
    """leaky_relu(input + bias, negative_slope) * scale, with bias along axis 1: the function of this name in public StyleGAN2
    code, also on the CPU, and differentiable twice (R1 and path length penalties)."""
    return rectify(input, alpha=negative_slope, bias=bias, gain=scale, save=save)


def rectify(
    x: Tensor,
    *,
    alpha: Parameter = 0.0,
    threshold: Parameter = 0.0,
    max_value: Parameter = _INFINITY,
    scale: Optional[Tensor] = None,
    bias: Optional[Tensor] = None,
    residual: Optional[Tensor] = None,
    gain: float = 1.0,
    channel_axis: int = 1,
    save: str = "auto",
    out: Optional[Tensor] = None,
) -> Tensor:
    """value(x * scale + bias + residual) * gain in one pass.

    alpha, threshold, max_value: a number, or a tensor with one element or one per channel. A tensor of alphas is PReLU.
    residual: a tensor of x's shape and dtype.
    gain: a number other than 0.
    out: a tensor of x's shape and dtype for the result; it may be x or residual. Not if a gradient is needed.
    """
    _require_tensor("x", x)
    for name, tensor in (("scale", scale), ("bias", bias), ("residual", residual)):
        if tensor is not None:
            _require_tensor(name, tensor)
    slope, alphas = _number_and_tensor("alpha", alpha, 0.0)
    limit, thresholds = _number_and_tensor("threshold", threshold, 0.0)
    cap, max_values = _number_and_tensor("max_value", max_value, _INFINITY)
    if isinstance(channel_axis, bool) or not isinstance(channel_axis, (int, torch.SymInt)):
        raise InvalidType(f"channel_axis: expected an integer, got {type(channel_axis).__name__}")
    require_save(save)
    call = Numbers(slope, limit, cap, _number("gain", gain), channel_axis)
    tensors = (x, scale, bias, residual, alphas, thresholds, max_values)
    if out is None:
        return _fused(tensors, call, save)
    return _into(out, tensors, call)


# --- The ways in: each call takes the cheapest that serves ------------------------------------------------------------------


def _plain(x: Tensor, alpha: float, threshold: float, max_value: float, inplace: bool, save: str) -> Tensor:
    if not isinstance(x, Tensor):
        _require_tensor("input", x)
    if save not in SAVE:
        require_save(save)
    needs_gradient = x.requires_grad and _grad_enabled()
    if not _ops.is_ordinary(x) or _forward_ad._current_level >= 0 or (inplace and needs_gradient):
        return _plain_otherwise(x, Numbers(alpha, threshold, max_value, 1.0, 1), inplace, save, needs_gradient)
    if not needs_gradient:
        if inplace:
            _kernels.relu_(x, alpha, threshold, max_value)
            return x
        return _kernels.relu(x, alpha, threshold, max_value)
    numbers = (alpha, threshold, max_value)
    if save in ("auto", "y") and alpha >= 0 and threshold >= 0:
        if max_value == _INFINITY or cap_shows(max_value, 1.0, x.dtype):
            return _autograd.apply_plain(x, (True, *numbers))
    if save == "x":
        return _autograd.apply_plain(x, (False, *numbers))
    return _fused((x, *_ABSENT), Numbers(*numbers, 1.0, 1), save)


def _plain_otherwise(x: Tensor, call: Numbers, inplace: bool, save: str, needs_gradient: bool) -> Tensor:
    tensors = (x, *_ABSENT)
    if _dtensor.is_dtensor(x):
        if inplace:
            raise InvalidArgument("inplace: expected False for a DTensor, got True")
        return _fused(tensors, call, save)
    transformed, traced = _autograd.is_transformed(), _is_traced()
    if not inplace:
        if needs_gradient or transformed or traced:
            return _fused(tensors, call, save)
        return _ops.relu(x, *call[:3])
    if needs_gradient and not _is_compiling():
        require_no_leaf(x)
        if save == "x":
            raise InvalidArgument('save: expected "auto", "y" or "mask" in place, as x is overwritten, got "x"')
        if not transformed and not traced and resolve(save, tensors, call, True) == "y":
            return _autograd.RectifyInPlace.apply(x, (True, *call[:3]))
    if transformed or _tracing_state() is not None or (traced and save == "auto"):
        tensors = (x.clone(), *_ABSENT)  # for backward, as x is overwritten
    return x.copy_(_fused(tensors, call, save))


def _is_traced() -> bool:
    """True under a tracer that records an operator, and its autograd formula or nothing of autograd."""
    return _is_compiling() or _tracing_state() is not None


def _fused(tensors, call: Numbers, save: str) -> Tensor:
    is_ordinary = _ops.is_ordinary(*tensors)
    if not is_ordinary:
        if _dtensor.is_dtensor(tensors[0]) and all(tensor is None for tensor in tensors[1:]):
            return _dtensor.on_shards(lambda shard: _fused((shard, *_ABSENT), call, save), tensors[0])
        _dtensor.require_none(tensors)
    if _autograd.is_transformed():
        if _is_compiling():
            return _composed.forward(tensors, call)
        return _functorch.Forward.apply(*tensors, call.keeping("x", tensors))
    needs_gradient = _grad_enabled() and _any_requires_grad(tensors)
    traced = _is_traced()
    if not needs_gradient and not traced:
        y, _ = (_kernels.forward if is_ordinary else _ops.forward)(*tensors, *call.settings)
        return y
    if _tracing_state() is not None:
        save = "x"  # torch.jit.trace compares its graph with one that it records without gradients
    kept = resolve(save, tensors, call, needs_gradient)
    if traced:
        keeping = call.keeping(_lowering.source_for(save, kept, tensors, call), tensors)
        y, _ = _formulas.forward(*tensors, *keeping.settings, keeping.save)
        return y
    keeping = call.keeping(kept, tensors)
    apply = _autograd.apply_fused if is_ordinary else _autograd.FusedRectify.apply
    return apply(*tensors, keeping)


def _any_requires_grad(tensors) -> bool:
    for tensor in tensors:
        if tensor is not None and tensor.requires_grad:
            return True
    return False


def _has_tangent(tensors) -> bool:
    """True in forward mode if a tensor has a direction. torch.func differentiates out.copy_() itself."""
    if _forward_ad._current_level < 0 or _transforms_active():
        return False
    return any(tensor is not None and _forward_ad.unpack_dual(tensor).tangent is not None for tensor in tensors)


def _into(out: Tensor, tensors, call: Numbers) -> Tensor:
    _require_tensor("out", out)
    if (_grad_enabled() and _any_requires_grad((*tensors, out))) or _has_tangent((*tensors, out)):
        raise InvalidArgument("out: expected no tensor that requires a gradient, or has a tangent, among the operands, as with "
                              "out= there is no gradient, got one; leave out= away, or call it under torch.no_grad()")  # fmt: skip
    if out.shape != tensors[0].shape or out.dtype != tensors[0].dtype:
        raise InvalidArgument(f"out: expected shape {list(tensors[0].shape)} and dtype {tensors[0].dtype} as x has, "
                              f"got {list(out.shape)} and {out.dtype}")  # fmt: skip
    if _ops.is_ordinary(*tensors, out):
        _kernels.forward_out(out, *tensors, *call.settings)
        return out
    _dtensor.require_none((out,), ("out",))
    return out.copy_(_fused(tensors, call, "x"))


# --- Checks of what only Python sees ----------------------------------------------------------------------------------------


def _require_tensor(name: str, value) -> None:
    if not isinstance(value, Tensor):
        raise InvalidType(f"{name}: expected a torch.Tensor, got {type(value).__name__}")


def _number(name: str, value) -> float:
    if type(value) is float:
        return value
    if isinstance(value, bool) or not isinstance(value, (Real, torch.SymFloat, torch.SymInt)):
        raise InvalidType(f"{name}: expected a number, got {type(value).__name__}")
    return float(value)


def _number_and_tensor(name: str, value, absent: float):
    """A parameter as the number and the tensor of a call, of which one is absent."""
    return (absent, value) if isinstance(value, Tensor) else (_number(name, value), None)


def require_no_leaf(x: Tensor) -> None:
    base = x._base if x._is_view() else x
    assert base is not None  # a view has a base
    if base.is_leaf and base.requires_grad:
        what = "a view of a leaf" if x._is_view() else "a leaf"
        raise InvalidArgument(f"inplace: expected False for {what} that requires a gradient, got True")


# torch.fx.symbolic_trace() records calls of these functions, and does not look into them.
for _name in __all__:
    torch.fx.wrap(_name)

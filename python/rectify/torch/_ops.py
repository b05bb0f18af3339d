"""The operators of rectify in torch's dispatcher: schemas, kernels, fake kernels (shapes for tracers) and rules for vmap.

Ordinary tensors do not go this way (is_ordinary()). The operators are for modes, tracers, batches and subclasses of Tensor. Their
autograd formulas are in _formulas.py. torch.compile, torch.export and torch.jit.trace are given rectify::forward (_formulas.py).

All of them work on CPU and CUDA tensors, and on meta tensors, which have no data. On a GPU they run on the current stream.
"""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor

from .._errors import InvalidArgument, InvalidType, Unsupported
from .._saving import mask_bytes
from . import _batching, _kernels
from ._kernels import new_gradients, without_none

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

library = torch.library.Library("rectify", "DEF")

# The parameters that may be tensors, then the numbers of the function and of the call: alike in every schema below.
_OPERANDS = (
    "Tensor? scale, Tensor? bias, Tensor? residual, Tensor? alpha_tensor, Tensor? threshold_tensor, "
    "Tensor? max_value_tensor, float alpha, float threshold, float max_value, float gain, int channel_axis"
)


# --- Fake kernels, for tensors without data ---------------------------------------------------------------------------------


def _require(names: str, first: Tensor, *others: Optional[Tensor]) -> None:
    """What the binary would reject in any case, and a tracer can know: dtypes, and tensors of two devices."""
    name, *other_names = names.split()
    if first.dtype not in DTYPES:
        dtype = str(first.dtype).removeprefix("torch.")
        raise InvalidType(f"{name}: expected dtype float16, bfloat16, float32 or float64, got {dtype}")
    for other_name, other in zip(other_names, others):
        if other is not None and other.device != first.device:
            raise InvalidArgument(f"{other_name}: expected a tensor on {first.device} as {name}, got {other.device}")


def _fake_relu(x, alpha, threshold, max_value):
    _require("x", x)
    return torch.empty_like(x)


def _fake_relu_backward(dy, source, source_is_y, alpha, threshold, max_value):
    _require("dy source", dy, source)
    return torch.empty_like(source)


def fake_forward(x, *operands):
    _require("x scale bias residual alpha threshold max_value", x, *operands[:6])
    mask_bits = operands[11]
    return torch.empty_like(x), x.new_empty((mask_bytes(x.numel(), mask_bits),), dtype=torch.uint8)


def _fake_backward(dy, source, source_kind, *operands):
    _require("dy source scale bias residual alpha threshold max_value", dy, source, *operands[:6])
    channel_axis, outputs = operands[10], operands[13]
    return without_none(dy, new_gradients(dy, source, source_kind, channel_axis, outputs))


# --- Registration -----------------------------------------------------------------------------------------------------------


def _other_device(name: str):
    """The kernel of every backend but CPU, CUDA and meta: an error that says what came."""

    def reject(*arguments):
        tensor = next(argument for argument in arguments if isinstance(argument, Tensor))
        what = "a quantized tensor" if tensor.is_quantized else f"{tensor.layout} on {tensor.device}"
        raise Unsupported(f"{name}: expected dense tensors on the CPU or on CUDA, got {what}")

    return reject


def register(schema: str, kernel, fake, batched):
    name = schema.split("(")[0]
    library.define(schema, tags=(torch.Tag.pt2_compliant_tag,))
    for key in ("CPU", "CUDA"):
        library.impl(name, kernel, key)
    library.impl(name, _other_device(name), "CompositeExplicitAutograd")
    torch.library.register_fake(f"rectify::{name}", fake, lib=library)
    torch.library.register_vmap(f"rectify::{name}", batched, lib=library)
    return getattr(torch.ops.rectify, name).default


FORWARD = f"(Tensor x, {_OPERANDS}, int mask_bits, int[]? order"
_relu_op = register(
    "_relu(Tensor x, float alpha, float threshold, float max_value) -> Tensor", _kernels.relu, _fake_relu, _batching.relu
)
relu_backward_by_operator = register(
    "_relu_backward(Tensor dy, Tensor source, bool source_is_y, float alpha, float threshold, float max_value) -> Tensor",
    _kernels.relu_backward, _fake_relu_backward, _batching.relu_backward,
)  # fmt: skip
_forward_op = register(f"_forward{FORWARD}) -> (Tensor y, Tensor mask)", _kernels.forward_all, fake_forward, _batching.forward)
_backward_op = register(
    f"_backward(Tensor dy, Tensor source, str source_kind, {_OPERANDS}, int mask_bits, int[]? order, int[] outputs)"
    " -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    _kernels.backward_all, _fake_backward, _batching.backward,
)  # fmt: skip


# --- The calls --------------------------------------------------------------------------------------------------------------


_is_compiling = torch.compiler.is_compiling
_dispatch_modes = torch._C._len_torch_dispatch_stack
_tracing_state = torch._C._get_tracing_state
_transforms_active = torch._C._are_functorch_transforms_active
_dispatch_keys = torch._C._dispatch_keys
_ordinary: dict[int, bool] = {}  # by the dispatch keys of a tensor
_ORDINARY_KEYS = (
    *(f"DispatchKeySet({d}, ADInplaceOrView, Autograd{d}, Autocast{d})" for d in ("CPU", "CUDA")),
    *(f"DispatchKeySet({d}, Autocast{d})" for d in ("CPU", "CUDA")),  # inference tensors
)


def is_ordinary(*tensors: Optional[Tensor]) -> bool:
    """True if nothing but the kernel has to see a call: dense tensors on the CPU or on CUDA, and neither a tracer, nor a mode
    such as FakeTensorMode, nor a transform of torch.func. Then the dispatcher, which takes 4 to 7 us to come back to Python, is
    left out. Dispatch keys also tell subclasses of Tensor, batches, and sparse, quantized and negated tensors."""
    if _is_compiling() or _dispatch_modes() or _tracing_state() is not None or _transforms_active():
        return False
    for tensor in tensors:
        if tensor is not None:
            keys = _dispatch_keys(tensor)
            known = _ordinary.get(keys.raw_repr())
            if known is None:
                known = _ordinary[keys.raw_repr()] = str(keys) in _ORDINARY_KEYS
            if not known:
                return False
    return True


def relu(x: Tensor, *numbers: float) -> Tensor:
    return (_kernels.relu if is_ordinary(x) else _relu_op)(x, *numbers)


def relu_(x: Tensor, *numbers: float) -> None:
    if is_ordinary(x):
        _kernels.relu_(x, *numbers)
    else:
        x.copy_(relu(x, *numbers))


def relu_backward(dy: Tensor, source: Tensor, *numbers) -> Tensor:
    return (_kernels.relu_backward if is_ordinary(dy, source) else relu_backward_by_operator)(dy, source, *numbers)


def forward(*operands):
    """y and the mask, which is None or without elements unless mask_bits is 1 or 2."""
    return (_kernels.forward if is_ordinary(*operands[:7]) else _forward_op)(*operands)


def backward(*operands):
    """The gradients that are requested, in the order of Outputs."""
    tensors = (*operands[:2], *operands[3:9])
    if not is_ordinary(*tensors):
        return backward_by_operator(*operands)
    return _requested(_kernels.backward(*operands), operands)


def backward_by_operator(*operands):
    """The same through the dispatcher, with an autograd formula (_formulas.py)."""
    return _requested(_backward_op(*operands), operands)


def _requested(gradients, operands):
    return [gradient for gradient, requested in zip(gradients, operands[-1]) if requested]

"""The operators of rectify in torch's dispatcher: schemas, kernels, fake kernels (shapes for tracers) and rules for vmap.

Their names begin with an underscore because they have no autograd formula: they are called where autograd is off, or from
the Functions of _autograd.py. Tracers (torch.compile, torch.export) are given rectify::forward instead (_traced.py).

All of them work on CPU and CUDA tensors, and on meta tensors, which have no data. On a GPU they run on the current stream.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

import torch
from torch import Tensor

from .. import _rectify
from .._errors import InvalidType, Unsupported

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

library = torch.library.Library("rectify", "DEF")

# The parameters that may be tensors, then the numbers of the function and of the call: alike in every schema below.
_OPERANDS = (
    "Tensor? scale, Tensor? bias, Tensor? residual, Tensor? alpha_tensor, Tensor? threshold_tensor, "
    "Tensor? max_value_tensor, float alpha, float threshold, float max_value, float gain, int channel_axis"
)


class Outputs(NamedTuple):
    """Which gradients backward computes. Of a tensor: 0 or 1. Of a parameter: 0, 1 (one sum over everything) or 2 (one sum
    per channel)."""

    dx: int = 0
    dresidual: int = 0
    dscale: int = 0
    dbias: int = 0
    dalpha: int = 0
    dthreshold: int = 0
    dmax_value: int = 0


def mask_bytes(elements: int, bits: int) -> int:
    return (elements * bits + 7) // 8


# --- Tensors as the binary takes them ---------------------------------------------------------------------------------------

if hasattr(Tensor, "__dlpack_c_exchange_api__"):
    # torch 2.10 and later: the binary reads a tensor, and finds the current stream, through torch's table of C functions.
    def _argument(tensor: Tensor):
        return tensor

    def _stream(tensor: Tensor) -> Optional[int]:
        return None

else:

    def _argument(tensor: Tensor):
        return described(tensor)

    def _stream(tensor: Tensor) -> Optional[int]:
        return torch.cuda.current_stream(tensor.device).cuda_stream if tensor.is_cuda else None


def described(tensor: Optional[Tensor]):
    """The tensor as a tuple, for torch before 2.10."""
    if tensor is None:
        return None
    dtype = str(tensor.dtype).removeprefix("torch.")
    return (tensor.data_ptr(), dtype, tensor.is_cuda, tensor.device.index or 0, tuple(tensor.shape), tensor.stride(), True)


def _optional(tensor: Optional[Tensor]):
    return None if tensor is None else _argument(tensor)


def _number_or(tensor: Optional[Tensor], number: float):
    return number if tensor is None else _argument(tensor)


# --- Kernels ----------------------------------------------------------------------------------------------------------------


def _relu(x: Tensor, alpha: float, threshold: float, max_value: float) -> Tensor:
    y = torch.empty_like(x)
    _rectify.relu(_argument(x), _argument(y), alpha, threshold, max_value, _stream(x))
    return y


def _relu_(x: Tensor, alpha: float, threshold: float, max_value: float) -> None:
    _rectify.relu(_argument(x), _argument(x), alpha, threshold, max_value, _stream(x))
    torch.autograd.graph.increment_version(x)


def _relu_backward(dy: Tensor, source: Tensor, source_is_y: bool, alpha: float, threshold: float, max_value: float) -> Tensor:
    dx = torch.empty_like(source)
    _rectify.relu_backward(
        _argument(dy), _argument(source), source_is_y, _argument(dx), alpha, threshold, max_value, _stream(dy)
    )
    return dx


def _forward(
    x, scale, bias, residual, alpha_tensor, threshold_tensor, max_value_tensor, alpha, threshold, max_value, gain,
    channel_axis, mask_bits, order,
):  # fmt: skip
    y = torch.empty_like(x)
    mask = torch.empty(mask_bytes(x.numel(), mask_bits), dtype=torch.uint8, device=x.device)
    _rectify.forward(
        _argument(x), _optional(scale), _optional(bias), _optional(residual), _number_or(alpha_tensor, alpha),
        _number_or(threshold_tensor, threshold), _number_or(max_value_tensor, max_value), _argument(y),
        _argument(mask) if mask_bits else None, mask_bits, order and tuple(order), channel_axis, gain, _stream(x),
    )  # fmt: skip
    return y, mask


def _forward_out(
    x, scale, bias, residual, alpha_tensor, threshold_tensor, max_value_tensor, alpha, threshold, max_value, gain,
    channel_axis, out,
):  # fmt: skip
    _rectify.forward(
        _argument(x), _optional(scale), _optional(bias), _optional(residual), _number_or(alpha_tensor, alpha),
        _number_or(threshold_tensor, threshold), _number_or(max_value_tensor, max_value), _argument(out), None, 0, None,
        channel_axis, gain, _stream(x),
    )  # fmt: skip
    torch.autograd.graph.increment_version(out)


def _backward(
    dy, source, source_kind, scale, bias, residual, alpha_tensor, threshold_tensor, max_value_tensor, alpha, threshold,
    max_value, gain, channel_axis, mask_bits, order, outputs,
):  # fmt: skip
    gradients = _new_gradients(dy, source, source_kind, channel_axis, outputs)

    def allocate(count: int):
        return _argument(torch.empty(count, dtype=torch.uint8, device=dy.device))

    sources = [_argument(source) if kind == source_kind else None for kind in ("x", "y", "mask")]
    _rectify.backward(
        _argument(dy), *sources, mask_bits, order and tuple(order), _optional(scale), _optional(bias), _optional(residual),
        _number_or(alpha_tensor, alpha), _number_or(threshold_tensor, threshold), _number_or(max_value_tensor, max_value),
        *map(_optional, gradients), allocate, channel_axis, gain, False, _stream(dy),
    )  # fmt: skip
    return gradients


def _backward_all(dy, *operands):
    """_backward with seven tensors as its result, because an operator that returns a list cannot be batched by
    torch.autograd.grad(is_grads_batched=True). Gradients that are not requested have no elements."""
    return _without_none(dy, _backward(dy, *operands))


def _without_none(dy: Tensor, gradients) -> tuple[Tensor, ...]:
    return tuple(dy.new_empty(0) if gradient is None else gradient for gradient in gradients)


def _new_gradients(dy, source, source_kind, channel_axis, outputs) -> list[Optional[Tensor]]:
    """Uninitialised memory for each gradient that is requested: tensors in the order of the source, sums in float32."""
    like = dy if source_kind == "mask" else source
    gradients = [torch.empty_like(like) if requested else None for requested in outputs[:2]]
    kind = torch.float64 if dy.dtype == torch.float64 else torch.float32
    for requested in outputs[2:]:
        shape = (dy.shape[channel_axis],) if requested == 2 else ()
        gradients.append(torch.empty(shape, dtype=kind, device=dy.device) if requested else None)
    return gradients


# --- Fake kernels, for tensors without data ---------------------------------------------------------------------------------


def require_dtype(name: str, tensor: Tensor) -> None:
    if tensor.dtype not in DTYPES:
        raise InvalidType(
            f"{name}: expected dtype float16, bfloat16, float32 or float64, got {str(tensor.dtype).removeprefix('torch.')}"
        )


def _fake_relu(x, alpha, threshold, max_value):
    require_dtype("x", x)
    return torch.empty_like(x)


def _fake_nothing(x, *operands):
    require_dtype("x", x)


def _fake_relu_backward(dy, source, source_is_y, alpha, threshold, max_value):
    return torch.empty_like(source)


def fake_forward(x, *operands):
    require_dtype("x", x)
    mask_bits = operands[11]
    return torch.empty_like(x), x.new_empty((mask_bytes(x.numel(), mask_bits),), dtype=torch.uint8)


def _fake_backward(dy, source, source_kind, *operands):
    channel_axis, outputs = operands[10], operands[13]
    return _without_none(dy, _new_gradients(dy, source, source_kind, channel_axis, outputs))


# --- vmap: a batch is one more axis in front, unless parameters or sums are of each sample ----------------------------------


def _batched_relu(info, in_dims, x, alpha, threshold, max_value):
    return _relu_op(x, alpha, threshold, max_value), in_dims[0]


def _batched_relu_(info, in_dims, x, alpha, threshold, max_value):
    return relu_(x, alpha, threshold, max_value), None


def _in_front(tensor: Tensor, axis: Optional[int], batch: int) -> Tensor:
    return tensor.unsqueeze(0).expand(batch, *tensor.shape) if axis is None else tensor.movedim(axis, 0)


def _sample(value, axis: Optional[int], index: int):
    return value.select(axis, index) if isinstance(value, Tensor) and axis is not None else value


def _batched_relu_backward(info, in_dims, dy, source, *numbers):
    dy, source = _in_front(dy, in_dims[0], info.batch_size), _in_front(source, in_dims[1], info.batch_size)
    return _relu_backward_op(dy, source, *numbers), 0


def batched_forward(info, in_dims, *operands):
    """One call of the whole batch if x alone, or x and the residual, have it, without a mask; otherwise a call per sample."""
    x, scale, bias, residual = operands[:4]
    parameters = (in_dims[1], in_dims[2], *in_dims[4:7])
    mask_bits = operands[12]
    if mask_bits == 0 and all(axis is None for axis in parameters):
        x = _in_front(x, in_dims[0], info.batch_size)
        residual = None if residual is None else _in_front(residual, in_dims[3], info.batch_size)
        y, mask = _forward_op(x, scale, bias, residual, *operands[4:11], _axis_behind(operands[11]), 0, None)
        return (y, mask), (0, None)
    calls = [_forward_op(*map(_sample, operands, _axes(in_dims, operands), [i] * len(operands))) for i in range(info.batch_size)]
    return tuple(torch.stack(results) for results in zip(*calls)), (0, 0)


def _batched_backward(info, in_dims, *operands):
    """As batched_forward; sums are of each sample too."""
    dy, source, source_kind, scale, bias, residual = operands[:6]
    outputs = Outputs(*operands[16])
    parameters = (in_dims[3], in_dims[4], *in_dims[6:9])
    if source_kind != "mask" and not any(outputs[2:]) and all(axis is None for axis in parameters):
        dy, source = _in_front(dy, in_dims[0], info.batch_size), _in_front(source, in_dims[1], info.batch_size)
        residual = None if residual is None else _in_front(residual, in_dims[5], info.batch_size)
        gradients = _backward_op(
            dy, source, source_kind, scale, bias, residual, *operands[6:13], _axis_behind(operands[13]), 0, None, outputs
        )
        return gradients, tuple(0 if requested else None for requested in outputs)
    calls = [_backward_op(*map(_sample, operands, _axes(in_dims, operands), [i] * len(operands))) for i in range(info.batch_size)]
    return tuple(torch.stack(results) for results in zip(*calls)), (0,) * 7


def _axes(in_dims, operands) -> list[Optional[int]]:
    """The batch's axis in each operand; a list of numbers counts as an operand without one."""
    return [axis if isinstance(operand, Tensor) else None for axis, operand in zip(in_dims, operands)]


def _axis_behind(channel_axis: int) -> int:
    """channel_axis once there is one more axis in front."""
    return channel_axis + 1 if channel_axis >= 0 else channel_axis


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
    if batched is not None:
        torch.library.register_vmap(f"rectify::{name}", batched, lib=library)
    return getattr(torch.ops.rectify, name).default


FORWARD = f"(Tensor x, {_OPERANDS}, int mask_bits, int[]? order"
forward_out = register(f"_forward_out(Tensor x, {_OPERANDS}, Tensor(a!) out) -> ()", _forward_out, _fake_nothing, None)
relu_ = register(
    "_relu_(Tensor(a!) x, float alpha, float threshold, float max_value) -> ()", _relu_, _fake_nothing, _batched_relu_
)
_relu_op = register(
    "_relu(Tensor x, float alpha, float threshold, float max_value) -> Tensor", _relu, _fake_relu, _batched_relu
)
_relu_backward_op = register(
    "_relu_backward(Tensor dy, Tensor source, bool source_is_y, float alpha, float threshold, float max_value) -> Tensor",
    _relu_backward, _fake_relu_backward, _batched_relu_backward,
)  # fmt: skip
_forward_op = register(f"_forward{FORWARD}) -> (Tensor y, Tensor mask)", _forward, fake_forward, batched_forward)
_backward_op = register(
    f"_backward(Tensor dy, Tensor source, str source_kind, {_OPERANDS}, int mask_bits, int[]? order, int[] outputs)"
    " -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    _backward_all, _fake_backward, _batched_backward,
)  # fmt: skip


# --- The calls --------------------------------------------------------------------------------------------------------------


_dispatch_modes = torch._C._len_torch_dispatch_stack
_tracing_state = torch._C._get_tracing_state
_transforms_active = torch._C._are_functorch_transforms_active
_dispatch_keys = torch._C._dispatch_keys
_ordinary: dict[int, bool] = {}  # by the dispatch keys of a tensor
_ORDINARY_KEYS = tuple(f"DispatchKeySet({d}, ADInplaceOrView, Autograd{d}, Autocast{d})" for d in ("CPU", "CUDA"))


def _is_ordinary(*tensors: Optional[Tensor]) -> bool:
    """True if nothing but the kernel has to see a call: dense tensors on the CPU or on CUDA, and neither a tracer, nor a mode
    such as FakeTensorMode, nor a transform of torch.func. Then the dispatcher, which takes 4 to 7 us to come back to Python, is
    left out. Dispatch keys also tell subclasses of Tensor, batches, and sparse, quantized and negated tensors."""
    if _dispatch_modes() or _tracing_state() is not None or _transforms_active():
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
    return (_relu if _is_ordinary(x) else _relu_op)(x, *numbers)


def relu_backward(dy: Tensor, source: Tensor, *numbers) -> Tensor:
    return (_relu_backward if _is_ordinary(dy, source) else _relu_backward_op)(dy, source, *numbers)


def forward(*operands):
    return (_forward if _is_ordinary(*operands[:7]) else _forward_op)(*operands)


def backward(*operands):
    """The gradients that are requested, in the order of Outputs."""
    tensors = (*operands[:2], *operands[3:9])
    gradients = (_backward if _is_ordinary(*tensors) else _backward_op)(*operands)
    return [gradient for gradient, requested in zip(gradients, operands[-1]) if requested]

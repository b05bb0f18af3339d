"""What the operators do on the CPU and on CUDA: they allocate the results and call the binary, on a GPU on the current stream."""

from __future__ import annotations

from typing import NamedTuple, Optional

import torch
from torch import Tensor

from .. import _rectify
from .._saving import mask_bytes


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


def compute_type(tensor: Tensor) -> torch.dtype:
    """The type in which rectify computes a tensor's elements, and adds them."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


# --- Tensors as the binary takes them ---------------------------------------------------------------------------------------

if hasattr(Tensor, "__dlpack_c_exchange_api__"):
    # torch 2.10 and later: the binary reads a tensor, and finds the current stream, through torch's table of C functions.
    def _argument(tensor: Tensor):
        return tensor

    def _stream(tensor: Tensor) -> Optional[int]:
        return None

else:

    def _argument(tensor: Tensor):
        dtype, index = str(tensor.dtype).removeprefix("torch."), tensor.device.index or 0
        return (tensor.data_ptr(), dtype, tensor.is_cuda, index, tuple(tensor.shape), tensor.stride(), True)

    def _stream(tensor: Tensor) -> Optional[int]:
        return torch.cuda.current_stream(tensor.device).cuda_stream if tensor.is_cuda else None


def _optional(tensor: Optional[Tensor]):
    return None if tensor is None else _argument(tensor)


def _number_or(tensor: Optional[Tensor], number: float):
    return number if tensor is None else _argument(tensor)


# --- Kernels ----------------------------------------------------------------------------------------------------------------


def relu(x: Tensor, alpha: float, threshold: float, max_value: float) -> Tensor:
    y = torch.empty_like(x)
    _rectify.relu(_argument(x), _argument(y), alpha, threshold, max_value, _stream(x))
    return y


def relu_(x: Tensor, alpha: float, threshold: float, max_value: float) -> None:
    _rectify.relu(_argument(x), _argument(x), alpha, threshold, max_value, _stream(x))
    torch.autograd.graph.increment_version(x)


def relu_backward(dy: Tensor, source: Tensor, source_is_y: bool, alpha: float, threshold: float, max_value: float) -> Tensor:
    dx = torch.empty_like(source)
    _rectify.relu_backward(
        _argument(dy), _argument(source), source_is_y, _argument(dx), alpha, threshold, max_value, _stream(dy)
    )
    return dx


def forward(x: Tensor, *operands) -> tuple[Tensor, Optional[Tensor]]:
    """y, and the mask if mask_bits is not 0. The operands are those of _write()."""
    *_, mask_bits, _ = operands
    y = torch.empty_like(x)
    mask = torch.empty(mask_bytes(x.numel(), mask_bits), dtype=torch.uint8, device=x.device) if mask_bits else None
    _write(y, mask, x, *operands)
    return y, mask


def forward_all(x: Tensor, *operands) -> tuple[Tensor, Tensor]:
    """forward with two tensors as its result, as an operator has. A mask that is not requested has no elements."""
    y, mask = forward(x, *operands)
    return y, x.new_empty(0, dtype=torch.uint8) if mask is None else mask


def forward_out(out: Tensor, *operands) -> None:
    """forward without a mask, into memory of the caller."""
    _write(out, None, *operands)
    torch.autograd.graph.increment_version(out)


def _write(
    y, mask, x, scale, bias, residual, alpha_tensor, threshold_tensor, max_value_tensor, alpha, threshold, max_value, gain,
    channel_axis, mask_bits, order,
) -> None:  # fmt: skip
    _rectify.forward(
        _argument(x), _optional(scale), _optional(bias), _optional(residual), _number_or(alpha_tensor, alpha),
        _number_or(threshold_tensor, threshold), _number_or(max_value_tensor, max_value), _argument(y),
        _optional(mask), mask_bits, order and tuple(order), channel_axis, gain, _stream(x),
    )  # fmt: skip


def backward(
    dy, source, source_kind, scale, bias, residual, alpha_tensor, threshold_tensor, max_value_tensor, alpha, threshold,
    max_value, gain, channel_axis, mask_bits, order, outputs,
):  # fmt: skip
    gradients = new_gradients(dy, source, source_kind, channel_axis, outputs)

    workspace = None  # holds the memory until the call returns: a tuple of its address does not

    def allocate(count: int):
        nonlocal workspace
        workspace = torch.empty(count, dtype=torch.uint8, device=dy.device)
        return _argument(workspace)

    sources = [_argument(source) if kind == source_kind else None for kind in ("x", "y", "mask")]
    _rectify.backward(
        _argument(dy), *sources, mask_bits, order and tuple(order), _optional(scale), _optional(bias), _optional(residual),
        _number_or(alpha_tensor, alpha), _number_or(threshold_tensor, threshold), _number_or(max_value_tensor, max_value),
        *map(_optional, gradients), allocate, channel_axis, gain, False, _stream(dy),
    )  # fmt: skip
    return gradients


def backward_all(dy, *operands):
    """backward() with seven tensors as its result, because an operator that returns a list cannot be batched by
    torch.autograd.grad(is_grads_batched=True). Gradients that are not requested have no elements."""
    return without_none(dy, backward(dy, *operands))


def without_none(dy: Tensor, gradients) -> tuple[Tensor, ...]:
    return tuple(dy.new_empty(0) if gradient is None else gradient for gradient in gradients)


def new_gradients(dy, source, source_kind, channel_axis, outputs) -> list[Optional[Tensor]]:
    """Uninitialised memory for each gradient that is requested: tensors in the order of the source, sums in float32."""
    like = dy if source_kind == "mask" else source
    gradients = [torch.empty_like(like) if requested else None for requested in outputs[:2]]
    kind = compute_type(dy)
    for requested in outputs[2:]:
        shape = (dy.shape[channel_axis],) if requested == 2 else ()
        gradients.append(torch.empty(shape, dtype=kind, device=dy.device) if requested else None)
    return gradients

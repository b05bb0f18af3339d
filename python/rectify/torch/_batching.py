"""Rules of the operators for torch.vmap: a batch is one more axis in front, in one call. If parameters or sums are of each
sample, or there is a mask, it is a call per sample."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor

_ops = torch.ops.rectify


def relu(info, in_dims, x, alpha, threshold, max_value):
    return _ops._relu(x, alpha, threshold, max_value), in_dims[0]


def _in_front(tensor: Tensor, axis: Optional[int], batch: int) -> Tensor:
    return tensor.unsqueeze(0).expand(batch, *tensor.shape) if axis is None else tensor.movedim(axis, 0)


def _sample(value, axis: Optional[int], index: int):
    return value.select(axis, index) if isinstance(value, Tensor) and axis is not None else value


def _per_sample(info, in_dims, operator, operands) -> tuple[Tensor, ...]:
    """The results of a call per sample. A batch without samples has a call on zeros, for the shapes."""
    axes = [axis if isinstance(operand, Tensor) else None for axis, operand in zip(in_dims, operands)]
    if info.batch_size == 0:
        operands = [
            operand if axis is None else operand.new_zeros(operand.movedim(axis, 0).shape[1:])
            for operand, axis in zip(operands, axes)
        ]
        return tuple(result.unsqueeze(0)[:0] for result in operator(*operands))
    calls = [operator(*(_sample(*of) for of in zip(operands, axes, [i] * len(axes)))) for i in range(info.batch_size)]
    return tuple(torch.stack(results) for results in zip(*calls))


def relu_backward(info, in_dims, dy, source, *numbers):
    dy, source = _in_front(dy, in_dims[0], info.batch_size), _in_front(source, in_dims[1], info.batch_size)
    return _ops._relu_backward(dy, source, *numbers), 0


def forward(info, in_dims, *operands):
    """One call of the whole batch if x alone, or x and the residual, have it, without a mask; otherwise a call per sample."""
    x, scale, bias, residual = operands[:4]
    parameters = (in_dims[1], in_dims[2], *in_dims[4:7])
    mask_bits = operands[12]
    if mask_bits == 0 and all(axis is None for axis in parameters):
        x = _in_front(x, in_dims[0], info.batch_size)
        residual = None if residual is None else _in_front(residual, in_dims[3], info.batch_size)
        y, mask = _ops._forward(x, scale, bias, residual, *operands[4:11], _axis_behind(operands[11]), 0, None)
        return (y, mask), (0, None)
    return _per_sample(info, in_dims, _ops._forward, operands), (0, 0)


def backward(info, in_dims, *operands):
    """As forward; sums are of each sample too."""
    dy, source, source_kind, scale, bias, residual = operands[:6]
    outputs = operands[16]
    parameters = (in_dims[3], in_dims[4], *in_dims[6:9])
    if source_kind != "mask" and not any(outputs[2:]) and all(axis is None for axis in parameters):
        dy, source = _in_front(dy, in_dims[0], info.batch_size), _in_front(source, in_dims[1], info.batch_size)
        residual = None if residual is None else _in_front(residual, in_dims[5], info.batch_size)
        gradients = _ops._backward(
            dy, source, source_kind, scale, bias, residual, *operands[6:13], _axis_behind(operands[13]), 0, None, outputs
        )
        return gradients, tuple(0 if requested else None for requested in outputs)
    return _per_sample(info, in_dims, _ops._backward, operands), (0,) * 7


def _axis_behind(channel_axis: int) -> int:
    """channel_axis once there is one more axis in front."""
    return channel_axis + 1 if channel_axis >= 0 else channel_axis

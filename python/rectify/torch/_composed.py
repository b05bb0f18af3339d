"""The function composed of torch's own operators, which compilers fuse: for torch.compile (_lowering.py), and for torch.compile over
a transform of torch.func, where it looks into no autograd.Function, and an operator with an autograd formula cannot be transformed.
Its bits are those of the kernels, but for x * scale + bias, which is rounded twice, and slopes of a tensor that are 0."""

from __future__ import annotations

import math
from typing import Optional

import torch
from torch import Tensor

from .._errors import InvalidArgument
from ._kernels import compute_type
from ._second_order import per_channel


def forward(tensors, call) -> Tensor:
    """y of the operands and the numbers of a call."""
    x, scale, bias, residual, alpha, threshold, max_value = tensors
    kind = compute_type(x)

    def channels(parameter: Optional[Tensor], number: Optional[float] = None):
        return number if parameter is None else per_channel(parameter.to(kind), x.dim(), call.channel_axis)

    z = x.to(kind)
    if scale is not None:
        z = z * channels(scale)
    if bias is not None:
        z = z + channels(bias)
    if residual is not None:
        if residual.shape != x.shape:
            raise InvalidArgument(f"residual: expected shape {list(x.shape)} as x, got {list(residual.shape)}")
        z = z + residual
    limit, slope = channels(threshold, call.threshold), channels(alpha, call.alpha)
    if alpha is None and call.alpha == 0:
        below = torch.where(z.isnan(), z.detach(), 0.0)
    else:
        below = slope * (z if threshold is None and call.threshold == 0 else z - limit)
    above = z
    if max_value is not None or call.max_value != math.inf:
        cap = channels(max_value, call.max_value)
        saturated = z >= cap if max_value is None else (z >= cap) & cap.isfinite()
        above = torch.where(saturated, cap, z)
    return _times_gain(torch.where(z > limit, above, below), call).to(x.dtype)


def backward(dy: Tensor, source: Tensor, source_kind: str, call) -> Tensor:
    """dx of a call without tensors besides x. Autograd's formula of forward() would add 0 to -0.0, which is +0, and would not read
    the regions off y."""
    kind = compute_type(dy)
    z, dz = source.to(kind), _times_gain(dy.to(kind), call)
    below = 0.0 if call.alpha == 0 else call.alpha * dz
    above = dz if call.max_value == math.inf else torch.where(z >= call.max_value, 0.0, dz)
    return torch.where(z > (0.0 if source_kind == "y" else call.threshold), above, below).to(dy.dtype)


def _times_gain(v: Tensor, call) -> Tensor:
    return v if call.gain == 1 else v * call.gain

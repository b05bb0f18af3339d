"""The function composed of torch's own operators, for torch.compile over a transform of torch.func: there torch.compile looks into
no autograd.Function, and an operator with an autograd formula cannot be transformed. Compilers fuse it. Its bits are those of the
kernels, but for x * scale + bias, which is rounded twice."""

from __future__ import annotations

import math
from typing import Optional

import torch
from torch import Tensor

from .._errors import InvalidArgument
from ._second_order import per_channel


def forward(tensors, call) -> Tensor:
    """y of the operands and the numbers of a call."""
    x, scale, bias, residual, alpha, threshold, max_value = tensors
    kind = torch.float64 if x.dtype == torch.float64 else torch.float32

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
        below = slope * (z - limit)
    above = z
    if max_value is not None or call.max_value != math.inf:
        cap = torch.as_tensor(channels(max_value, call.max_value), dtype=kind, device=x.device)
        above = torch.where((z >= cap) & cap.isfinite(), cap, z)
    return (torch.where(z > limit, above, below) * call.gain).to(x.dtype)

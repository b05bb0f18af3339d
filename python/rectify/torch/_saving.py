"""What a call keeps for backward (../_saving.py), and in which order."""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence

import torch
from torch import Tensor

from .. import _saving
from .._saving import SAVE, cap_shows, require_save
from ._autograd import Call

__all__ = ["SAVE", "Numbers", "cap_shows", "require_save", "resolve"]


def _requires_grad(tensor: Tensor) -> bool:
    return tensor.requires_grad


class Numbers(NamedTuple):
    """The numbers of a call. Of a parameter that is a tensor, the number that leaves it out."""

    alpha: float
    threshold: float
    max_value: float
    gain: float
    channel_axis: int

    def keeping(self, save: str, tensors: Sequence[Optional[Tensor]]) -> Call:
        bits = _saving.mask_bits(tensors, self, _requires_grad) if save == "mask" else 0
        x = tensors[0]
        return Call(*self, save, bits, _order(x) if bits and x is not None else None)

    @property
    def settings(self):
        return (*self, 0, None)


def resolve(save: str, tensors: Sequence[Optional[Tensor]], call: Numbers, needs_gradient: bool) -> str:
    return _saving.resolve(save if needs_gradient else "x", tensors, call, _requires_grad)


def _order(x: Tensor) -> Optional[tuple[int, ...]]:
    """The order of x's elements in memory, which is fastest for a mask: the axes, outermost first. None is row-major."""
    if x.is_contiguous():
        return None
    if torch.compiler.is_compiling():  # strides may be symbols there
        last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(x.dim())
        channels_last = last is not None and x.is_contiguous(memory_format=last)
        return (0, *range(2, x.dim()), 1) if channels_last else None
    strides = x.stride()
    return tuple(sorted(range(x.dim()), key=lambda axis: -strides[axis]))

"""What a call keeps for backward: x, y or a mask, as docs/masks.md has it."""

from __future__ import annotations

import math
from typing import NamedTuple, Optional, Sequence

import torch
from torch import Tensor

from .._errors import InvalidArgument
from ._autograd import Call

SAVE = ("auto", "x", "y", "mask")
_DIGITS = {torch.float16: 11, torch.bfloat16: 8, torch.float32: 24, torch.float64: 53}  # of the significand


class Numbers(NamedTuple):
    """The numbers of a call. Of a parameter that is a tensor, the number that leaves it out."""

    alpha: float
    threshold: float
    max_value: float
    gain: float
    channel_axis: int

    def keeping(self, save: str, tensors: Sequence[Optional[Tensor]]) -> Call:
        bits = self._mask_bits(tensors) if save == "mask" else 0
        x = tensors[0]
        return Call(*self, save, bits, _order(x) if bits and x is not None else None)

    @property
    def settings(self):
        return (*self, 0, None)

    def _mask_bits(self, tensors) -> int:
        """One bit tells linear from the rest, which is enough unless both slopes of the rest, alpha and 0, can occur. The
        gradient of max_value needs to know which elements are saturated."""
        *_, alpha, _, max_value = tensors
        uncapped = max_value is None and self.max_value == math.inf
        flat = alpha is None and self.alpha == 0
        learns_cap = max_value is not None and max_value.requires_grad
        return 1 if uncapped or (flat and not learns_cap) else 2


def require_save(save: str) -> str:
    if save not in SAVE:
        raise InvalidArgument(f'save: expected "auto", "x", "y" or "mask", got {save!r}')
    return save


def resolve(save: str, tensors: Sequence[Optional[Tensor]], call: Numbers, needs_gradient: bool) -> str:
    """"x", "y" or "mask" for a value of `save`. Errors: InvalidArgument if the gradients that are needed cannot be computed from
    what was chosen."""
    require_save(save)
    if save == "x" or not needs_gradient:
        return "x"
    why_x = _why_x(tensors)
    if save == "auto" and why_x:
        return "x"
    why_not_y = _why_not_y(tensors, call)
    if save == "auto":
        return "mask" if why_not_y or _rounds_onto_the_cap(tensors, call) else "y"
    reason = why_x or (why_not_y if save == "y" else None)
    if reason:
        others = '"auto" or "x"' if why_x else '"auto", "mask" or "x"'
        raise InvalidArgument(f'save: expected {others}, as {reason}, got "{save}"')
    return save


def _why_x(tensors) -> Optional[str]:
    _, scale, _, _, alpha, _, _ = tensors
    if scale is not None and scale.requires_grad:
        return "the gradient of scale is needed"
    return "the gradient of alpha is needed" if alpha is not None and alpha.requires_grad else None


def _why_not_y(tensors, call: Numbers) -> Optional[str]:
    """Why the region of an element cannot be read off y; None if it can."""
    for index, name in ((1, "scale"), (3, "residual"), (4, "alpha"), (5, "threshold"), (6, "max_value")):
        if tensors[index] is not None:
            return f"there is a tensor {name}"
    if call.alpha < 0:
        return f"the slope is negative ({call.alpha})"
    if call.threshold < 0:
        return f"threshold is negative ({call.threshold})"
    if not call.gain > 0:
        return f"gain is not positive ({call.gain})"
    if call.max_value != math.inf and not cap_shows(call.max_value, call.gain, tensors[0].dtype):
        return f"max_value ({call.max_value}) is not a number above 0 that {tensors[0].dtype} has"
    return None


def _rounds_onto_the_cap(tensors, call: Numbers) -> bool:
    """True if an element just below the cap may be stored as the cap, as z has more digits than y: then y is not the best source."""
    x, _, bias, *_ = tensors
    has_more_digits = x.dtype in (torch.float16, torch.bfloat16) and (bias is not None or call.gain != 1)
    return call.max_value != math.inf and has_more_digits


def cap_shows(max_value: float, gain: float, dtype: torch.dtype) -> bool:
    """True if the cap, and its product with the gain, are numbers of the dtype (the product after rounding)."""
    if not max_value > 0 or dtype not in _DIGITS:
        return False
    limits = torch.finfo(dtype)
    significand, exponent = math.frexp(max_value)
    exact = (significand * 2 ** _DIGITS[dtype]).is_integer() and limits.tiny <= max_value <= limits.max
    return exact and limits.tiny <= max_value * gain <= limits.max


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

"""What is kept for backward, "x", "y" or a mask, by the rules of docs/masks.md and of Backward in include/rectify/ops.hpp."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import NamedTuple

from ._errors import InvalidArgument

SAVE = ("auto", "x", "y", "mask")


class _Limits(NamedTuple):
    """Of a floating-point type: the digits of the significand, the least normal number and the largest."""

    digits: int
    least: float
    largest: float


_LIMITS = {
    "float16": _Limits(11, 2.0**-14, 65504.0),
    "bfloat16": _Limits(8, 2.0**-126, 2.0**128 * (1 - 2.0**-8)),
    "float32": _Limits(24, 2.0**-126, 2.0**128 * (1 - 2.0**-24)),
    "float64": _Limits(53, 2.0**-1022, 2.0**1023 * (2 - 2.0**-52)),
}


class Numbers(NamedTuple):
    """The numbers of a call. Of a parameter that is a tensor, the number that leaves it out."""

    alpha: float
    threshold: float
    max_value: float
    gain: float


class Tensors(NamedTuple):
    """What matters of the tensors of a call: x's dtype, the names of the others, and of those that need a gradient."""

    dtype: str
    present: Collection[str]
    learned: Collection[str]


def require_save(save: str) -> str:
    if save not in SAVE:
        raise InvalidArgument(f'save: expected "auto", "x", "y" or "mask", got {save!r}')
    return save


def resolve(save: str, tensors: Tensors, numbers: Numbers) -> str:
    """ "x", "y" or "mask" for a value of `save`. Errors: InvalidArgument if the gradients that are needed cannot be computed
    from what was chosen."""
    require_save(save)
    if save == "x":
        return "x"
    why_x = _why_x(tensors)
    if save == "auto" and why_x:
        return "x"
    why_not_y = _why_not_y(tensors, numbers)
    if save == "auto":
        return "mask" if why_not_y or _rounds_onto_the_cap(tensors, numbers) else "y"
    reason = why_x or (why_not_y if save == "y" else None)
    if reason:
        others = '"auto" or "x"' if why_x else '"auto", "mask" or "x"'
        raise InvalidArgument(f'save: expected {others}, as {reason}, got "{save}"')
    return save


def mask_bits(tensors: Tensors, numbers: Numbers) -> int:
    """One bit tells linear from the rest, which is enough unless both slopes of the rest, alpha and 0, can occur. The
    gradient of max_value needs to know which elements are saturated."""
    uncapped = "max_value" not in tensors.present and numbers.max_value == math.inf
    flat = "alpha" not in tensors.present and numbers.alpha == 0
    return 1 if uncapped or (flat and "max_value" not in tensors.learned) else 2


def cap_shows(max_value: float, gain: float, dtype: str) -> bool:
    """True if the cap, and its product with the gain, are numbers of the dtype (the product after rounding)."""
    if not max_value > 0 or dtype not in _LIMITS:
        return False
    limits = _LIMITS[dtype]
    significand, _ = math.frexp(max_value)
    exact = (significand * 2**limits.digits).is_integer() and limits.least <= max_value <= limits.largest
    return exact and limits.least <= max_value * gain <= limits.largest


def _why_x(tensors: Tensors) -> str | None:
    if "scale" in tensors.learned:
        return "the gradient of scale is needed"
    return "the gradient of alpha is needed" if "alpha" in tensors.learned else None


def _why_not_y(tensors: Tensors, numbers: Numbers) -> str | None:
    """Why the region of an element cannot be read off y; None if it can."""
    for name in ("scale", "residual", "alpha", "threshold", "max_value"):
        if name in tensors.present:
            return f"there is a tensor {name}"
    if numbers.alpha < 0:
        return f"the slope is negative ({numbers.alpha})"
    if numbers.threshold < 0:
        return f"threshold is negative ({numbers.threshold})"
    if not numbers.gain > 0:
        return f"gain is not positive ({numbers.gain})"
    if numbers.max_value != math.inf and not cap_shows(numbers.max_value, numbers.gain, tensors.dtype):
        return f"max_value ({numbers.max_value}) is not a number above 0 that {tensors.dtype} has"
    return None


def _rounds_onto_the_cap(tensors: Tensors, numbers: Numbers) -> bool:
    """True if an element just below the cap may be stored as the cap, as z has more digits than y: then y is not the best
    source."""
    has_more_digits = tensors.dtype in ("float16", "bfloat16") and ("bias" in tensors.present or numbers.gain != 1)
    return numbers.max_value != math.inf and has_more_digits

"""What a call keeps for backward, x, y or a mask: the rules of docs/masks.md, for every framework. `tensors` are the operands x,
scale, bias, residual, alpha, threshold and max_value, None if absent; `learned` tells whether the gradient of one is needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ._errors import InvalidArgument

SAVE = ("auto", "x", "y", "mask")
_LEAST_AND_LARGEST = {  # numbers of full precision
    "float16": (2.0**-14, 65504.0),
    "bfloat16": (2.0**-126, 2.0**128 * (1 - 2.0**-8)),
    "float32": (2.0**-126, 2.0**128 * (1 - 2.0**-24)),
    "float64": (2.0**-1022, 2.0**1023 * (2 - 2.0**-52)),
}
_DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}  # of the significand


class Numbers(Protocol):
    """The numbers of a call. Of a parameter that is a tensor, the number that leaves it out."""

    @property
    def alpha(self) -> float: ...
    @property
    def threshold(self) -> float: ...
    @property
    def max_value(self) -> float: ...
    @property
    def gain(self) -> float: ...


def require_save(save: str) -> str:
    if save not in SAVE:
        raise InvalidArgument(f'save: expected "auto", "x", "y" or "mask", got {save!r}')
    return save


def resolve(save: str, tensors: Sequence[Any], numbers: Numbers, learned: Callable[[Any], bool]) -> str:
    """ "x", "y" or "mask" for a value of `save`. Errors: InvalidArgument if the gradients that are needed cannot be computed from
    what was chosen."""
    require_save(save)
    if save == "x":
        return "x"
    why_x = _why_x(tensors, learned)
    if save == "auto" and why_x:
        return "x"
    why_not_y = _why_not_y(tensors, numbers)
    if save == "auto":
        return "mask" if why_not_y or _rounds_onto_the_cap(tensors, numbers) else "y"
    reason = why_x or (why_not_y if save == "y" else None)
    if reason:
        others = '"auto" or "x"' if why_x else '"auto", "mask" or "x"'
        text, *number = reason
        raise InvalidArgument(f'save: expected {others}, as {text}{f" ({number[0]})" if number else ""}, got "{save}"')
    return save


def mask_bits(tensors: Sequence[Any], numbers: Numbers, learned: Callable[[Any], bool]) -> int:
    """One bit tells linear from the rest, which is enough unless both slopes of the rest, alpha and 0, can occur. The
    gradient of max_value needs to know which elements are saturated."""
    alpha, max_value = tensors[4], tensors[6]
    uncapped = max_value is None and numbers.max_value == math.inf
    flat = alpha is None and numbers.alpha == 0
    learns_cap = max_value is not None and learned(max_value)
    return 1 if uncapped or (flat and not learns_cap) else 2


def mask_bytes(elements: int, bits: int) -> int:
    """The bytes of a mask of so many elements."""
    return (elements * bits + 7) // 8


def cap_shows(max_value: float, gain: float, dtype: Any) -> bool:
    """True if the cap, and its product with the gain, are numbers of the dtype (the product after rounding)."""
    name = str(dtype).removeprefix("torch.")
    if not max_value > 0 or name not in _DIGITS:
        return False
    least, largest = _LEAST_AND_LARGEST[name]
    significand, _ = math.frexp(max_value)
    exact = (significand * 2 ** _DIGITS[name]).is_integer() and least <= max_value <= largest
    return exact and least <= max_value * gain <= largest


# A reason is a text and a number, as torch.compile cannot make a text of a number that it traces.


def _why_x(tensors: Sequence[Any], learned: Callable[[Any], bool]) -> tuple[Any, ...]:
    for index, name in ((1, "scale"), (4, "alpha")):
        if tensors[index] is not None and learned(tensors[index]):
            return (f"the gradient of {name} is needed",)
    return ()


def _why_not_y(tensors: Sequence[Any], numbers: Numbers) -> tuple[Any, ...]:
    """Why the region of an element cannot be read off y; empty if it can."""
    for index, name in ((1, "scale"), (3, "residual"), (4, "alpha"), (5, "threshold"), (6, "max_value")):
        if tensors[index] is not None:
            return (f"there is a tensor {name}",)
    if numbers.alpha < 0:
        return "the slope is negative", numbers.alpha
    if numbers.threshold < 0:
        return "threshold is negative", numbers.threshold
    if not numbers.gain > 0:
        return "gain is not positive", numbers.gain
    if numbers.max_value != math.inf and not cap_shows(numbers.max_value, numbers.gain, tensors[0].dtype):
        return "max_value is not a number above 0 that the dtype of x has", numbers.max_value
    return ()


def _rounds_onto_the_cap(tensors: Sequence[Any], numbers: Numbers) -> bool:
    """True if an element just below the cap may be stored as the cap, as z has more digits than y: then y is not the best
    source."""
    if numbers.max_value == math.inf:
        return False
    has_more_digits = str(tensors[0].dtype).removeprefix("torch.") in ("float16", "bfloat16")
    return has_more_digits and (tensors[2] is not None or numbers.gain != 1)

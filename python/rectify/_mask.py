"""Masks: the region of every element, in one or two bits, which forward writes and backward reads."""

from __future__ import annotations

import math
from typing import Any

from ._arrays import Array, Call, Layout, integer, is_number, number
from ._errors import InvalidArgument, InvalidType
from ._libraries import library_of, type_name
from ._saving import mask_bytes


class Mask:
    """The region of every element of an array: below the threshold, linear or saturated.

    bytes: an array of uint8 with one axis, in the library of x and on its device. Each element of x has `bits` of it;
        the lowest bits of a byte come first.
    bits: 1 (1 is linear) or 2 (0 is below, 1 linear, 2 saturated).
    shape: the shape of x.
    order: the order of the elements: None for row-major, or the axes of x, outermost first.

    forward(return_mask=True) and empty_mask() make masks. Mask(bytes, bits, shape, order) is one in memory of your own.
    It raises InvalidType or InvalidArgument for bits or an order that no mask has; the call that uses it checks bytes.
    """

    __slots__ = ("bytes", "bits", "shape", "order")

    def __init__(self, bytes: Array, bits: int, shape: tuple[int, ...], order: tuple[int, ...] | None = None) -> None:
        self.bytes, self.bits, self.shape = bytes, integer("mask.bits", bits), tuple(shape)
        self.order = None if order is None else tuple(order)
        if self.bits not in (1, 2):
            raise InvalidArgument(f"mask.bits: expected 1 or 2, got {bits}")
        if self.order is not None and sorted(self.order) != list(range(len(self.shape))):
            raise InvalidArgument(
                f"mask.order: expected the axes 0 to {len(self.shape) - 1}, each once, got {self.order}"
            )

    def __repr__(self) -> str:
        bytes = f"{mask_bytes(math.prod(self.shape), self.bits)} in a {type_name(self.bytes)}"
        return f"Mask(bits={self.bits}, shape={self.shape}, order={self.order}, bytes={bytes})"

    def unpack(self) -> Any:
        """The regions as a NumPy array of uint8, of the shape of x: 0 below, 1 linear, 2 saturated. In a mask of 1 bit,
        0 is below or saturated. A mask on a GPU is copied to the CPU."""
        import numpy

        packed, count = library_of(self.bytes).to_numpy(self.bytes), math.prod(self.shape) * self.bits
        bits = numpy.unpackbits(packed, count=count, bitorder="little").reshape(-1, self.bits)
        regions = bits[:, 0] if self.bits == 1 else bits[:, 0] + 2 * bits[:, 1]
        order = self.order or tuple(range(len(self.shape)))
        return regions.reshape([self.shape[axis] for axis in order]).transpose(numpy.argsort(order))


def mask_bits(alpha: Any, max_value: Any) -> int:
    """The fewest bits from which backward can compute dx: 1 if there is no cap or alpha is the number 0, else 2."""
    uncapped = is_number(max_value) and number("max_value", max_value) == math.inf
    return 1 if uncapped or (is_number(alpha) and number("alpha", alpha) == 0) else 2


def order_of(layout: Layout) -> tuple[int, ...] | None:
    """The axes of an array by stride, outermost first; None if they are in order, or if the array is broadcast."""
    strides = layout.strides
    if strides is None or 0 in layout.shape:
        return None
    long = [axis for axis, extent in enumerate(layout.shape) if extent > 1]
    by_stride = sorted(long, key=lambda axis: -strides[axis])
    if by_stride == long or any(strides[axis] == 0 for axis in long):
        return None
    return tuple([axis for axis, extent in enumerate(layout.shape) if extent <= 1] + by_stride)


def new_mask(call: Call, bits: int, layout: Layout) -> Mask:
    """A mask in the order of an array of that layout. For JAX its memory is NumPy's, until finished_mask()."""
    mask = Mask(None, bits, layout.shape, order_of(layout))
    mask.bytes = call.empty("mask", (mask_bytes(math.prod(layout.shape), bits),), "uint8")
    return mask


def finished_mask(call: Call, mask: Mask) -> Mask:
    return Mask(call.result(mask.bytes), mask.bits, mask.shape, mask.order)


def require_mask(call: Call, mask: Any, shape: tuple[int, ...]) -> Mask:
    """Checks a mask of the caller, except for its memory, which the binary checks."""
    if not isinstance(mask, Mask):
        raise InvalidType(
            f"mask: expected a Mask, as forward(return_mask=True) or empty_mask() makes it, got {type_name(mask)}"
        )
    if mask.shape != shape:
        raise InvalidArgument(f"mask: expected the shape of {call.name}, {shape}, got {mask.shape}")
    library = library_of(mask.bytes)
    if library is not call.library:
        raise InvalidArgument(
            f"mask: expected bytes in an array of {call.library.name}, as {call.name} is, got {type_name(mask.bytes)}"
        )
    return mask


def empty_mask(x: Array, *, alpha: Any = 0.0, max_value: Any = math.inf, bits: int | None = None) -> Mask:
    """Allocates a mask for forward(x, mask=...), in x's library and order, on x's device; its contents are arbitrary.

    alpha, max_value: those of forward. The mask has 1 bit if max_value is the number inf or alpha is the number 0,
        otherwise 2.
    bits: 1 or 2 instead. The gradient of a cap (dmax_value) needs 2.

    Raises InvalidType or InvalidArgument for an x of which no mask can be made, for an alpha or max_value that is
    neither a number nor an array, and for bits other than 1 and 2.
    """
    call = Call("x", x, None)
    if not call.library.writable:
        raise InvalidArgument(
            f"x: expected an array whose library has arrays that can be written, got one of {call.library.name}; "
            "use forward(return_mask=True)"
        )
    for name, value in (("alpha", alpha), ("max_value", max_value)):
        call.parameter(name, value)
    layout = call.layout("x", call.first)
    return new_mask(call, mask_bits(alpha, max_value) if bits is None else integer("bits", bits), layout)

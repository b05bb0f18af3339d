"""forward and backward on arrays of any library. Every formula is that of include/rectify/ops.hpp."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from . import _rectify
from ._arrays import Array, Call, integer, number
from ._errors import InvalidArgument, InvalidType
from ._libraries import type_name
from ._mask import Mask, finished_mask, mask_bits, new_mask, require_mask


class Gradients(NamedTuple):
    """What backward returns: the arrays that it wrote, and None for what was not requested."""

    dx: Array | None = None
    dresidual: Array | None = None
    dscale: Array | None = None
    dbias: Array | None = None
    dalpha: Array | None = None
    dthreshold: Array | None = None
    dmax_value: Array | None = None


def forward(
    x: Array,
    *,
    alpha: Any = 0.0,
    threshold: Any = 0.0,
    max_value: Any = math.inf,
    scale: Array | None = None,
    bias: Array | None = None,
    residual: Array | None = None,
    gain: float = 1.0,
    channel_axis: int = 1,
    out: Array | None = None,
    mask: Mask | None = None,
    return_mask: bool = False,
    stream: Any = None,
) -> Any:
    """Returns y = value(z) * gain for z = x * scale + bias + residual, in one pass. What is None is left out.

    value(z) is alpha * (z - threshold) if z > threshold does not hold, else max_value if z >= max_value, else z.

    x: an array of float16, bfloat16, float32 or float64, of rank 0 to 8, in any order of the axes.
    alpha, threshold, max_value: each a number, or an array with one element, or with one for each index of axis
        channel_axis of x. The array's dtype is x's or float32; with float64 it is float64.
    scale, bias: such an array.
    residual: an array of x's shape and dtype.
    gain: a finite number other than 0.
    out: an array for y, of x's shape and dtype, which may be x or residual itself. Errors call it y. By default, y is
        allocated in x's library, in the order of x.
    mask: a Mask to write, from empty_mask().
    return_mask: if True, a mask is returned too: `mask`, or a new one with the fewest bits that serve.
    stream: for arrays on CUDA, a cudaStream_t as an integer, or a stream of CuPy or PyTorch; by default the current
        stream of x's library. New arrays are allocated for use on it. The call is asynchronous.

    Returns y; (y, Mask) with return_mask.
    Raises InvalidType (no array or no number, another dtype), InvalidArgument (shapes, devices, values, memory that
    overlaps or is read-only) and Unsupported (negative strides, CUDA arrays in a build without CUDA, JAX arrays on
    CUDA), with nothing written; also CudaError, and MemoryError.
    """
    call = Call("x", x, stream)
    relu = _parameters(call, alpha, threshold, max_value)
    operands = _operands(call, scale, bias, residual)
    gain, channel_axis = number("gain", gain), integer("channel_axis", channel_axis)
    if mask is not None:
        require_mask(call, mask, call.layout("x", call.first).shape)
    y, y_argument = _output(call, "y", True if out is None else out)
    new = None
    if mask is None and return_mask:
        new = new_mask(call, mask_bits(alpha, max_value), call.layout("y", y_argument))
    if mask is None and new is None and _is_plain(relu, operands, gain):
        _rectify.relu(call.first, y_argument, *relu, call.stream_argument)
    else:
        written = _mask_arguments(mask, call.output) if new is None else _mask_arguments(new, call.operand)
        settings = (channel_axis, gain, call.stream_argument)
        _rectify.forward(call.first, *operands, *relu, y_argument, *written, *settings)
    y = call.result(y) if out is None else out
    if not return_mask:
        return y
    return y, mask if new is None else finished_mask(call, new)


def backward(
    dy: Array,
    *,
    x: Array | None = None,
    y: Array | None = None,
    mask: Mask | None = None,
    alpha: Any = 0.0,
    threshold: Any = 0.0,
    max_value: Any = math.inf,
    scale: Array | None = None,
    bias: Array | None = None,
    residual: Array | None = None,
    gain: float = 1.0,
    channel_axis: int = 1,
    dx: Any = True,
    dresidual: Any = False,
    dscale: Any = False,
    dbias: Any = False,
    dalpha: Any = False,
    dthreshold: Any = False,
    dmax_value: Any = False,
    accumulate: bool = False,
    stream: Any = None,
) -> Gradients:
    """Returns the gradients of forward's operands, in one pass. With g = dy * gain and dz = g * slope(z), selected:

        dx = dz * scale        dscale = sum of dz * x    dalpha = sum of g * (z - threshold), where z is below
        dresidual = dz         dbias = sum of dz         dthreshold = sum of -alpha * g, where z is below
                                                         dmax_value = sum of g, where z is saturated

    dy: the gradient of y, an array like forward's x.
    x, y, mask: exactly one of them, from forward. x serves for every gradient, a mask or y for all but dscale and
        dalpha. y serves only if forward had no operand besides bias and gain, alpha and threshold are 0 or more, and
        the cap is exact in y's dtype.
    alpha ... channel_axis: those of forward, but no bias and no residual with a mask.
    dx, dresidual: True for a new array, False for none, or an array of dy's shape and dtype to write. dx may be dy or
        x itself, dresidual may be dy.
    dscale ... dmax_value: False for none, "channel" for a sum for each index of axis channel_axis, "all" for one sum,
        of rank 0; True for sums of the parameter's shape if it is an array here, else "all"; or an array to write. The
        dtype of sums is float32; with float64 it is float64.
    accumulate: if True, each sum is added to what its array holds.
    stream: as in forward.

    Returns Gradients. A sum has the same bits in every run, whatever the number of threads and the other outputs.
    Raises what forward raises.
    """
    call = Call("dy", dy, stream)
    relu = _parameters(call, alpha, threshold, max_value)
    operands = _operands(call, scale, bias, residual)
    source_x, source_y = call.optional("x", x), call.optional("y", y)
    if mask is not None:
        require_mask(call, mask, call.layout("dy", call.first).shape)
    gain, channel_axis, accumulate = number("gain", gain), integer("channel_axis", channel_axis), _truth(accumulate)
    sums = _Sums(call, channel_axis, accumulate)
    requests = (dx, dresidual, dscale, dbias, dalpha, dthreshold, dmax_value)
    parameters = (None, None, *operands[:2], *relu)
    outputs = [
        _output(call, name, request) if name in ("dx", "dresidual") else sums.output(name, request, parameter)
        for name, request, parameter in zip(Gradients._fields, requests, parameters)
    ]
    arguments = [argument for _, argument in outputs]
    source_is_y = source_x is None
    source = source_y if source_is_y else source_x
    has_one_source = source is not None and mask is None and (source_is_y or source_y is None)
    only_dx = arguments[0] is not None and all(argument is None for argument in arguments[1:])
    if has_one_source and only_dx and _is_plain(relu, operands, gain):
        _rectify.relu_backward(call.first, source, source_is_y, arguments[0], *relu, call.stream_argument)
    else:
        sources = (call.first, source_x, source_y, *_mask_arguments(mask, call.operand))
        settings = (call.workspace, channel_axis, gain, accumulate, call.stream_argument)
        _rectify.backward(*(*sources, *operands, *relu, *arguments, *settings))
    arrays = [array for array, _ in outputs]
    return Gradients(*[array if array is given else call.result(array) for array, given in zip(arrays, requests)])


def _parameters(call: Call, alpha: Any, threshold: Any, max_value: Any) -> tuple[Any, Any, Any]:
    threshold = call.parameter("threshold", threshold)
    return call.parameter("alpha", alpha), threshold, call.parameter("max_value", max_value)


def _operands(call: Call, scale: Any, bias: Any, residual: Any) -> tuple[Any, Any, Any]:
    return call.optional("scale", scale), call.optional("bias", bias), call.optional("residual", residual)


def _is_plain(relu: tuple[Any, Any, Any], operands: tuple[Any, Any, Any], gain: float) -> bool:
    """True if the binary's functions without operands compute the same."""
    scale, bias, residual = operands
    if gain != 1 or scale is not None or bias is not None or residual is not None:
        return False
    return type(relu[0]) is type(relu[1]) is type(relu[2]) is float


def _mask_arguments(mask: Mask | None, argument: Callable[[str, Array], Any]) -> tuple[Any, int, Any]:
    return (None, 1, None) if mask is None else (argument("mask", mask.bytes), mask.bits, mask.order)


def _truth(accumulate: Any) -> bool:
    if not isinstance(accumulate, bool) and type_name(accumulate) not in ("numpy.bool", "numpy.bool_"):
        raise InvalidType(f"accumulate: expected True or False, got {type_name(accumulate)}")
    return bool(accumulate)


def _output(call: Call, name: str, request: Any) -> tuple[Any, Any]:
    """An output of the first operand's shape, and its argument: none, a new array, or that of the caller."""
    if request is False or request is None:
        return None, None
    if request is True:
        array = call.empty_like(name)
        return array, call.operand(name, array)
    return request, call.output(name, request)


class _Sums(NamedTuple):
    """What the sums of a call share."""

    call: Call
    channel_axis: int
    accumulate: bool

    def output(self, name: str, request: Any, parameter: Any) -> tuple[Any, Any]:
        """As _output, for a sum. `parameter` is the argument of its parameter: None, a number or an array."""
        if request is not True and not isinstance(request, str):
            return _output(self.call, name, request)
        if self.accumulate:
            raise InvalidArgument(f"{name}: expected an array to add to, as accumulate is True, got {request!r}")
        first = self.call.layout(self.call.name, self.call.first)
        shape = self._shape(name, request, parameter, first.shape)
        array = self.call.empty(name, shape, "float64" if first.dtype == "float64" else "float32")
        return array, self.call.operand(name, array)

    def _shape(self, name: str, request: Any, parameter: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
        if request is True:
            has_array = parameter is not None and not isinstance(parameter, float)
            return self.call.layout(name[1:], parameter).shape if has_array else ()
        if request == "all":
            return ()
        if request != "channel":
            raise InvalidArgument(f"{name}: expected True, False, 'channel', 'all' or an array, got {request!r}")
        if not -len(shape) <= self.channel_axis < len(shape):
            axes = f"an axis of dy, which has {len(shape)}"
            raise InvalidArgument(f"channel_axis: expected {axes}, got {self.channel_axis}")
        return (shape[self.channel_axis],)

"""The arguments of a call: arrays of any library, numbers and streams, as the binary takes them. An object whose type
has DLPack's C table is passed as it is, any other array as a View."""

from __future__ import annotations

import ctypes
import numbers
from typing import Any, NamedTuple

from ._errors import InvalidArgument, InvalidType
from ._libraries import NUMPY, Library, library_of, type_name
from ._views import View, cuda_view, dlpack_view, numpy_view

Array = Any  # an array of NumPy, CuPy, PyTorch, JAX or Numba, or with __dlpack__ or __cuda_array_interface__


class Layout(NamedTuple):
    """What the shapes and orders of results depend on. Strides are in elements; None is row-major."""

    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None


class Call:
    """What the operands of one call share: the first operand, whose library allocates the results and has the stream,
    and what must live until the call returns."""

    def __init__(self, name: str, first: Array, stream: Any) -> None:
        self.name, self.array = name, first
        self.library: Library = library_of(first)
        self.given_stream = None if stream is None else stream_handle(stream)
        self._current_stream: int | None = None
        self._kept: list[Any] = []
        self.first = self.operand(name, first)

    @property
    def stream(self) -> int:
        """The stream of a call on CUDA: that of the caller, or the current one of the library."""
        if self.given_stream is not None:
            return self.given_stream
        if self._current_stream is None:
            self._current_stream = self.library.current_stream(self.array)
        return self._current_stream

    @property
    def stream_argument(self) -> int | None:
        """The stream for the binary; None on the CPU, and for the current one of an object with the C table."""
        if self.given_stream is None and not (isinstance(self.first, View) and self.first.cuda):
            return None
        return self.stream

    def operand(self, name: str, array: Array, expected: str = "an array") -> Any:
        """The argument for an array. Raises InvalidType for what is no array, and what the library's check() raises."""
        kind = type(array)
        library = library_of(array)
        library.check(name, array)
        if library is NUMPY:
            return numpy_view(name, array)
        if hasattr(kind, "__dlpack_c_exchange_api__"):
            return array
        if hasattr(kind, "__dlpack__") and hasattr(kind, "__dlpack_device__"):
            view, capsule = dlpack_view(name, array, lambda: self.stream)
            self._kept.append(capsule)
            return view
        interface = getattr(array, "__cuda_array_interface__", None)
        if interface is None:
            libraries = "of NumPy, CuPy, PyTorch or JAX, or with __dlpack__ or __cuda_array_interface__"
            raise InvalidType(f"{name}: expected {expected} ({libraries}), got {type_name(array)}")
        self._require_stream(name, interface.get("stream"))
        return cuda_view(name, interface)

    def optional(self, name: str, array: Array | None) -> Any:
        return None if array is None else self.operand(name, array)

    def parameter(self, name: str, value: Any) -> Any:
        """The argument for alpha, threshold or max_value: a float, or that for an array."""
        if type(value) is float or is_number(value):
            return number(name, value)
        return self.operand(name, value, "a number or an array")

    def output(self, name: str, array: Array) -> Any:
        """The argument for an array of the caller that will be written."""
        library = library_of(array)
        if not library.writable:
            raise InvalidArgument(f"{name}: expected an array that can be written, got one of {library.name}")
        return self.operand(name, array)

    def empty_like(self, name: str) -> Array:
        """An array for the output `name`, of the first operand's shape, dtype and order."""
        self._require_allocation(name)
        with self.library.on_stream(self.array, self.given_stream):
            return self.library.empty_like(self.array)

    def empty(self, name: str, shape: tuple[int, ...], dtype: str) -> Array:
        """A row-major array for the output `name`, on the first operand's device."""
        self._require_allocation(name)
        with self.library.on_stream(self.array, self.given_stream):
            return self.library.empty(self.array, shape, dtype)

    def result(self, array: Array) -> Array:
        """What the caller gets for an array of empty_like() or empty(), once it is written."""
        return self.library.result(self.array, array)

    def workspace(self, size: int) -> Any:
        """The binary's callback for memory."""
        if not self.library.allocates(self.array) and isinstance(self.first, View) and not self.first.cuda:
            memory = (ctypes.c_uint8 * size)()
            self._kept.append(memory)
            return View(ctypes.addressof(memory), "uint8", False, 0, (size,), None, True)
        array = self.empty("workspace", (size,), "uint8")
        self._kept.append(array)
        return self.operand("workspace", array)

    def layout(self, name: str, argument: Any) -> Layout:
        """The layout of an array, given its argument for the binary."""
        if not isinstance(argument, View):
            layout = library_of(argument).layout(argument)
            if layout is not None:
                return Layout(*layout)
            argument = dlpack_view(name, argument, lambda: self.stream)[0]
        return Layout(argument.dtype, argument.shape, argument.strides)

    def _require_allocation(self, name: str) -> None:
        if not self.library.allocates(self.array):
            reason = f"as {self.name}, a {type_name(self.array)}, has no __array_namespace__ to allocate one"
            raise InvalidArgument(f"{name}: expected an array, {reason}, got none")

    def _require_stream(self, name: str, stream: int | None) -> None:
        """Work on an array with __cuda_array_interface__ must follow that of its stream; None is no stream."""
        if self.given_stream is None and stream is not None and (stream or 1) != (self.stream or 1):
            expected = f"an array on the stream of {self.name}, {self.stream}"
            advice = "let one stream wait for the other, and pass stream="
            raise InvalidArgument(f"{name}: expected {expected}, got one on stream {stream}; {advice}")


def is_number(value: object) -> bool:
    """True for numbers of Python, NumPy and ml_dtypes; a bool and an array of rank 0 are none."""
    if isinstance(value, numbers.Real):
        return not isinstance(value, bool)
    return type_name(value) == "ml_dtypes.bfloat16"


def number(name: str, value: Any) -> float:
    if type(value) is float:
        return value
    if not is_number(value):
        raise InvalidType(f"{name}: expected a number, got {type_name(value)}")
    try:
        return float(value)
    except OverflowError:
        raise InvalidArgument(f"{name}: expected a number in the range of a float, got a larger one") from None


def integer(name: str, value: Any) -> int:
    if type(value) is int:
        return value
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise InvalidType(f"{name}: expected an integer, got {type_name(value)}")
    return int(value)


def stream_handle(stream: Any) -> int:
    """The cudaStream_t of an int, or of a stream of CuPy, PyTorch, or with __cuda_stream__."""
    handle: Any = stream
    if hasattr(type(stream), "__cuda_stream__"):
        protocol = stream.__cuda_stream__
        handle = (protocol() if callable(protocol) else protocol)[1]
    elif not isinstance(stream, numbers.Integral):
        handle = getattr(stream, "cuda_stream", getattr(stream, "ptr", None))
    if not isinstance(handle, numbers.Integral) or isinstance(handle, bool):
        expected = "a cudaStream_t as an integer, or a stream of CuPy or PyTorch"
        raise InvalidType(f"stream: expected {expected}, got {type_name(stream)}")
    address = int(handle)
    if not 0 <= address < 2**64:
        raise InvalidArgument(f"stream: expected a cudaStream_t, got {address}")
    return address

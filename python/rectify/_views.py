"""The memory of an array, as the tuple that the binary takes. It is read from __array_interface__ (NumPy), DLPack or
__cuda_array_interface__."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from . import _rectify
from ._errors import InvalidArgument, InvalidType, Unsupported
from ._libraries import type_name


class View(NamedTuple):
    """An array as the binary takes it. Strides are in elements; None is row-major."""

    address: int
    dtype: str
    cuda: bool
    device: int
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
    writable: bool


_ENDIAN = "<" if sys.byteorder == "little" else ">"
_NATIVE = {_ENDIAN + "f2": "float16", _ENDIAN + "f4": "float32", _ENDIAN + "f8": "float64", "|u1": "uint8"}


def numpy_view(name: str, array: Any) -> View:
    """The view of a numpy.ndarray."""
    interface = array.__array_interface__
    address, read_only = interface["data"]
    shape, strides = interface["shape"], interface["strides"]
    dtype = _NATIVE.get(interface["typestr"]) or _numpy_dtype(name, array.dtype)
    strides = strides and _in_elements(name, shape, strides, array.itemsize)
    return View(address, dtype, False, 0, shape, strides, not read_only)


def _numpy_dtype(name: str, dtype: Any) -> str:
    """The name of a dtype. bfloat16 is that of ml_dtypes, whose elements are mere bytes in __array_interface__."""
    if not dtype.isnative:
        expected = "dtype float16, bfloat16, float32 or float64 in native byte order"
        raise InvalidType(f"{name}: expected {expected}, got {dtype.name} in the other ({dtype.str})")
    return str(dtype.name)


def _in_elements(name: str, shape: tuple[int, ...], strides: tuple[int, ...], item: int) -> tuple[int, ...]:
    if 0 not in shape and any(extent > 1 and stride % item for extent, stride in zip(shape, strides)):
        raise InvalidArgument(f"{name}: expected strides of whole elements of {item} bytes, got {strides} bytes")
    return tuple([stride // item for stride in strides])


_CUDA_TYPES = (2, 13)  # kDLCUDA, kDLCUDAManaged
_CPU_TYPES = (1, 3)  # kDLCPU, kDLCUDAHost
_DLPACK_KINDS = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 5: "complex", 6: "bool"}


def dlpack_view(name: str, array: Any, stream: Callable[[], int]) -> tuple[View, Any]:
    """The view of an array with __dlpack__, and the capsule, which must live as long as the view. stream() is called if
    the array is on CUDA: the array's library lets that stream wait for its own."""
    device_type = int(array.__dlpack_device__()[0])
    if device_type not in _CUDA_TYPES + _CPU_TYPES:
        expected = "memory of the CPU or of CUDA"
        raise Unsupported(f"{name}: expected {expected}, got that of DLPack's device type {device_type}")
    # The standard has 1 for the legacy default stream, and forbids 0.
    keywords = {"stream": stream() or 1} if device_type in _CUDA_TYPES else {}
    try:
        try:
            capsule = array.__dlpack__(max_version=(1, 0), copy=False, **keywords)
        except TypeError:  # from a library older than DLPack 1.0
            capsule = array.__dlpack__(**keywords)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        expected = "an array that DLPack can describe"
        raise Unsupported(f"{name}: expected {expected}, got a {type_name(array)}: {error}") from error
    address, code, bits, lanes, device_type, index, shape, strides, read_only = _rectify.dlpack(capsule)
    dtype = f"{_DLPACK_KINDS.get(code, f'code {code} of ')}{bits}" + (f" of {lanes} lanes" if lanes != 1 else "")
    return View(address, dtype, device_type in _CUDA_TYPES, index, shape, strides, not read_only), capsule


def cuda_view(name: str, interface: dict[str, Any]) -> View:
    """The view of a __cuda_array_interface__ (version 2 or 3)."""
    if interface.get("mask") is not None:
        raise InvalidType(f"{name}: expected an array without a mask of its own, got one with it")
    typestr, shape, (address, read_only) = interface["typestr"], tuple(interface["shape"]), interface["data"]
    strides = interface.get("strides")
    strides = strides and _in_elements(name, shape, strides, int(typestr[2:]))
    return View(address or 0, _NATIVE.get(typestr, typestr), True, _device_of(address), shape, strides, not read_only)


def _device_of(address: int | None) -> int:
    """The device that memory is on, which __cuda_array_interface__ does not tell. 0 if there is no memory."""
    index, device_ordinal = ctypes.c_int(0), 9  # CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
    if address:
        driver = ctypes.CDLL("libcuda.so.1")  # loaded already, as there is memory on a device
        driver.cuPointerGetAttribute(ctypes.byref(index), device_ordinal, ctypes.c_uint64(address))
    return index.value

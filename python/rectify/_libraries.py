"""The libraries whose arrays rectify takes: memory for results, the current stream, and the checks that depend on the
library. No library is imported here: an array's type says which one it is of, and then sys.modules has that library."""

from __future__ import annotations

import contextlib
import functools
import sys
from typing import Any

from ._errors import InvalidArgument, InvalidType, Unsupported


def type_name(value: object) -> str:
    """The name of a value's type, for errors: list, numpy.ma.MaskedArray."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


DEFAULT_STREAMS = (0, 1, 2)  # names of CUDA's default streams, and no addresses


class Library:
    """What rectify needs of a library; as it is, of one that follows the array API standard."""

    name = "another library"
    writable = True  # False: its arrays cannot be outputs

    def check(self, name: str, array: Any) -> None:
        """Raises an Error for an array whose memory must not be read, which no export of it would tell."""

    def allocates(self, array: Any) -> bool:
        """True if the library can allocate an array like this one."""
        return True

    def empty_like(self, array: Any, stream: int | None) -> Any:
        """An array for a result of `array`'s shape, dtype and order, for use on `stream`; None is the current one."""
        return array.__array_namespace__().empty_like(array)

    def empty(self, like: Any, shape: tuple[int, ...], dtype: str, stream: int | None) -> Any:
        """A row-major array on `like`'s device, for use on `stream`."""
        namespace = like.__array_namespace__()
        return namespace.empty(shape, dtype=getattr(namespace, dtype), device=like.device)

    def result(self, like: Any, array: Any) -> Any:
        """What the caller gets for an array of empty_like() or empty(), once it is written."""
        return array

    def current_stream(self, array: Any) -> int:
        """The cudaStream_t on which the library works at present; 0 is the legacy default stream."""
        interface = getattr(array, "__cuda_array_interface__", None) or {}
        return int(interface.get("stream") or 0)

    def layout(self, array: Any) -> tuple[str, tuple[int, ...], tuple[int, ...] | None] | None:
        """The dtype, shape and strides (in elements) of an array with the C table; None if only DLPack tells them."""
        return None

    def to_numpy(self, array: Any) -> Any:
        """The elements of an array of uint8, on the CPU."""
        import numpy

        return numpy.from_dlpack(array)


class Other(Library):
    """A library that is not known here: it may follow the array API standard."""

    def allocates(self, array: Any) -> bool:
        return hasattr(array, "__array_namespace__")


class NumPy(Library):
    name = "NumPy"

    def empty_like(self, array: Any, stream: int | None) -> Any:
        return sys.modules["numpy"].empty_like(array, subok=False)

    def empty(self, like: Any, shape: tuple[int, ...], dtype: str, stream: int | None) -> Any:
        return sys.modules["numpy"].empty(shape, dtype)

    def to_numpy(self, array: Any) -> Any:
        return array


class Torch(Library):
    name = "PyTorch"

    def check(self, name: str, array: Any) -> None:
        torch = sys.modules["torch"]
        if array.requires_grad and torch.is_grad_enabled():
            advice = "rectify.torch has functions with autograd, or use torch.no_grad() or detach()"
            raise InvalidArgument(f"{name}: expected a tensor that does not require grad, got one that does; {advice}")
        if array.layout is not torch.strided:
            raise Unsupported(f"{name}: expected a dense tensor, got one of layout {array.layout}")
        if array.device.type not in ("cpu", "cuda"):
            raise Unsupported(f"{name}: expected a tensor on the CPU or CUDA, got one on {array.device}")
        kind = type(array)
        is_wrapper = torch._C._functorch.is_functorch_wrapped_tensor(array)  # in vmap and torch.func.grad
        if is_wrapper or kind.__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:
            got = f"a wrapper or a tracer ({type_name(array)}); rectify.torch has functions for these"
            raise Unsupported(f"{name}: expected a tensor with memory of its own, got {got}")
        if array.is_neg():
            raise Unsupported(f"{name}: expected a tensor without a pending negation, got one; use resolve_neg()")

    def empty_like(self, array: Any, stream: int | None) -> Any:
        with self._on_stream(array, stream):
            return sys.modules["torch"].empty_like(array, requires_grad=False)

    def empty(self, like: Any, shape: tuple[int, ...], dtype: str, stream: int | None) -> Any:
        torch = sys.modules["torch"]
        with self._on_stream(like, stream):
            return torch.empty(shape, dtype=getattr(torch, dtype), device=like.device)

    def current_stream(self, array: Any) -> int:
        return int(sys.modules["torch"].cuda.current_stream(array.device).cuda_stream) if array.is_cuda else 0

    @staticmethod
    def _on_stream(array: Any, stream: int | None) -> contextlib.AbstractContextManager[Any]:
        if stream is None or stream in DEFAULT_STREAMS or not array.is_cuda:
            return contextlib.nullcontext()
        cuda = sys.modules["torch"].cuda
        context: contextlib.AbstractContextManager[Any] = cuda.stream(cuda.ExternalStream(stream, device=array.device))
        return context

    def layout(self, array: Any) -> tuple[str, tuple[int, ...], tuple[int, ...] | None] | None:
        return str(array.dtype).removeprefix("torch."), tuple(array.shape), array.stride()

    def to_numpy(self, array: Any) -> Any:
        return array.cpu().numpy()


class CuPy(Library):
    name = "CuPy"

    def empty_like(self, array: Any, stream: int | None) -> Any:
        with self._on_stream(array, stream):
            return sys.modules["cupy"].empty_like(array)

    def empty(self, like: Any, shape: tuple[int, ...], dtype: str, stream: int | None) -> Any:
        with self._on_stream(like, stream):
            return sys.modules["cupy"].empty(shape, dtype)

    def current_stream(self, array: Any) -> int:
        with array.device:  # each device has a current stream
            return int(sys.modules["cupy"].cuda.get_current_stream().ptr)

    @staticmethod
    def _on_stream(array: Any, stream: int | None) -> contextlib.AbstractContextManager[Any]:
        contexts = contextlib.ExitStack()
        contexts.enter_context(array.device)
        if stream is not None and stream not in DEFAULT_STREAMS:
            contexts.enter_context(sys.modules["cupy"].cuda.ExternalStream(stream))
        return contexts

    def to_numpy(self, array: Any) -> Any:
        return array.get()


class Numba(Library):
    """Device arrays of numba.cuda. Each array may have a stream; it is in __cuda_array_interface__ too."""

    name = "Numba"

    def empty_like(self, array: Any, stream: int | None) -> Any:
        return sys.modules["numba.cuda"].device_array_like(array, stream=self._stream(array, stream))

    def empty(self, like: Any, shape: tuple[int, ...], dtype: str, stream: int | None) -> Any:
        return sys.modules["numba.cuda"].device_array(shape, dtype, stream=self._stream(like, stream))

    @staticmethod
    def _stream(array: Any, stream: int | None) -> Any:
        return array.stream if stream is None else sys.modules["numba.cuda"].external_stream(stream)

    def to_numpy(self, array: Any) -> Any:
        return array.copy_to_host()


OF_JAX = "rectify.jax has functions for these"


def require_x64(name: str, dtype: Any) -> None:
    """Raises Unsupported for a dtype that JAX, as it is set, would round."""
    if dtype == "float64" and not sys.modules["jax"].config.jax_enable_x64:
        raise Unsupported(f"{name}: expected float64 only with jax_enable_x64, as JAX rounds it to float32 without")


class Jax(Library):
    """JAX arrays on the CPU. They cannot be written, so results are computed into NumPy's memory and handed to JAX."""

    name = "JAX"
    writable = False

    def check(self, name: str, array: Any) -> None:
        if array.is_deleted():
            raise InvalidArgument(f"{name}: expected an array with values, got a deleted JAX array")
        devices = array.devices()
        if len(devices) != 1 or any(device.platform != "cpu" for device in devices):
            places = ", ".join(sorted(map(str, devices)))
            raise Unsupported(f"{name}: expected a JAX array on one device, the CPU, got one on {places}; {OF_JAX}")
        require_x64(name, array.dtype)
        array.block_until_ready()

    def empty_like(self, array: Any, stream: int | None) -> Any:
        return sys.modules["numpy"].empty(array.shape, array.dtype)

    def empty(self, like: Any, shape: tuple[int, ...], dtype: str, stream: int | None) -> Any:
        return sys.modules["numpy"].empty(shape, dtype)

    def result(self, like: Any, array: Any) -> Any:
        return sys.modules["jax"].device_put(array, like.sharding)

    def to_numpy(self, array: Any) -> Any:
        return sys.modules["numpy"].asarray(array)


class MaskedNumPy(NumPy):
    def check(self, name: str, array: Any) -> None:
        raise InvalidType(f"{name}: expected an array without a mask of its own, got {type_name(array)}")


class JaxTracer(Jax):
    """What stands for an array while JAX traces a function."""

    def check(self, name: str, array: Any) -> None:
        raise Unsupported(f"{name}: expected a JAX array with values, got a tracer (in jit, grad or vmap); {OF_JAX}")


OTHER, NUMPY, JAX = Other(), NumPy(), Jax()
_BY_CLASS: dict[tuple[str, str], Library] = {
    ("numpy", "MaskedArray"): MaskedNumPy(),
    ("numpy", "ndarray"): NUMPY,
    ("torch", "Tensor"): Torch(),
    ("cupy", "ndarray"): CuPy(),
    ("numba", "DeviceNDArrayBase"): Numba(),
    ("jaxlib", "ArrayImpl"): JAX,
    ("jax", "ArrayImpl"): JAX,
    ("jax", "Tracer"): JaxTracer(),
}


def library_of(array: Any) -> Library:
    """The library of an array: that of the first base class of its type which a library defines."""
    kind: Any = type(array)
    return _library_of_type(kind)


@functools.lru_cache(maxsize=256)
def _library_of_type(kind: Any) -> Library:
    for base in kind.__mro__:
        library = _BY_CLASS.get((str(base.__module__).partition(".")[0], base.__name__))
        if library is not None:
            return library
    return OTHER

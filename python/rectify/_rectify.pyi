"""The binary of the package: rectify::forward and rectify::backward of include/rectify/ops.hpp, for views of arrays.

Private: the package's other modules call it, and its arguments may change with any version.

All arguments are positional, and each function takes exactly those below. None is an absent operand. An array is
- an object whose type has `__dlpack_c_exchange_api__` (DLPack 1.3; torch.Tensor from 2.10 on), or
- a tuple (address, dtype, cuda, index, shape, strides, writable). Strides are in elements, None is row-major. The dtype
  is "float16", "bfloat16", "float32" or "float64", and "uint8" for masks and workspaces. `index` is that of the CUDA
  device; it has no meaning on the CPU.
The caller keeps arrays, and the memory that tuples name, alive: until the call returns on the CPU, and until the work
on the stream is done on CUDA.

Formulas, shapes, dtypes, aliasing and synchronisation are those of ops.hpp; the operands of forward and backward have
the same names there.

Streams: an int is a cudaStream_t. None is, on CUDA, the current stream of the library that x (dy) belongs to if x is no
tuple, else the legacy default stream. On the CPU the argument is ignored.

Errors: those of rectify._errors, and MemoryError. InvalidType for arguments of another type and arrays of another
dtype. The GIL is released while the library works.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

_DType: TypeAlias = Literal["float16", "bfloat16", "float32", "float64", "uint8"]
_Memory: TypeAlias = tuple[int, _DType, bool, int, tuple[int, ...], tuple[int, ...] | None, bool]
_Array: TypeAlias = _Memory | Any
_Optional: TypeAlias = _Array | None

class _Build(TypedDict):
    version: str
    cuda: bool
    cuda_version: str | None
    architectures: list[str]
    compiler: str

def relu(x: _Array, y: _Array, alpha: float, threshold: float, max_value: float, stream: int | None, /) -> None:
    """y = value(x), with numbers as parameters and no other operands."""

def relu_backward(
    dy: _Array,
    source: _Array,
    source_is_y: bool,
    dx: _Array,
    alpha: float,
    threshold: float,
    max_value: float,
    stream: int | None,
    /,
) -> None:
    """dx = dy * slope, from x or y of relu()."""

def forward(
    x: _Array,
    scale: _Optional,
    bias: _Optional,
    residual: _Optional,
    alpha: float | _Optional,
    threshold: float | _Optional,
    max_value: float | _Optional,
    y: _Optional,
    mask: _Optional,
    mask_bits: int,
    order: Sequence[int] | None,
    channel_axis: int,
    gain: float,
    stream: int | None,
    /,
) -> None:
    """y and the mask of x and its operands.

    A float or int for alpha, threshold or max_value is the number; anything else is a parameter tensor. None is 0, 0
    and inf.
    mask: contiguous bytes of one axis, at least ceil(elements * mask_bits / 8). Its bits are in row-major order, or in
    that of the axes of x in `order`, outermost first. mask_bits (1 or 2) and order are ignored without a mask.
    """

def backward(
    dy: _Array,
    x: _Optional,
    y: _Optional,
    mask: _Optional,
    mask_bits: int,
    order: Sequence[int] | None,
    scale: _Optional,
    bias: _Optional,
    residual: _Optional,
    alpha: float | _Optional,
    threshold: float | _Optional,
    max_value: float | _Optional,
    dx: _Optional,
    dresidual: _Optional,
    dscale: _Optional,
    dbias: _Optional,
    dalpha: _Optional,
    dthreshold: _Optional,
    dmax_value: _Optional,
    allocate: Callable[[int], _Array] | None,
    channel_axis: int,
    gain: float,
    accumulate: bool,
    stream: int | None,
    /,
) -> None:
    """The gradients of the operands, from one source: x, y or mask.

    allocate(bytes) returns an array of uint8 with one axis and at least so many bytes, on the device of dy. It is
    called once if the sums need a workspace, and otherwise not; it may be None then. The array is released when the
    call returns, on CUDA before the work on the stream is done: it must come from an allocator that orders memory by
    that stream.
    """

def workspace_bytes(
    dy: _Array,
    x: _Optional,
    y: _Optional,
    mask: _Optional,
    mask_bits: int,
    order: Sequence[int] | None,
    scale: _Optional,
    bias: _Optional,
    residual: _Optional,
    alpha: float | _Optional,
    threshold: float | _Optional,
    max_value: float | _Optional,
    dx: _Optional,
    dresidual: _Optional,
    dscale: _Optional,
    dbias: _Optional,
    dalpha: _Optional,
    dthreshold: _Optional,
    dmax_value: _Optional,
    channel_axis: int,
    gain: float,
    /,
) -> int:
    """The bytes of workspace that backward needs with these arguments, from a boundary of 256 on. They are checked, except for addresses, which may be 0."""

def xla_functions() -> dict[tuple[str, str], object]:
    """The functions that XLA calls, as capsules: "rectify_forward" and "rectify_backward", each on the platforms "cpu" and
    "CUDA". python/xla.hpp describes their operands and attributes.
    """

def dlpack(capsule: object, /) -> tuple[int, int, int, int, int, int, tuple[int, ...], tuple[int, ...] | None, bool]:
    """What a capsule "dltensor", or "dltensor_versioned" of version 1, tells.

    Returns (address, type_code, bits, lanes, device_type, device_id, shape, strides, read_only) in DLPack's codes. The
    address includes the byte offset. Nothing is consumed: the memory is valid while the capsule lives.
    """

def build() -> _Build:
    """What this binary was built from, by and for.

    Architectures are "sm_90" (machine code) and "compute_90" (PTX, which newer GPUs run too).
    """

def cuda_available() -> bool:
    """True if this build has CUDA, and the machine a driver and a device."""

def cuda_devices() -> tuple[str | None, list[tuple[str, str]]]:
    """The newest version of CUDA that the driver knows, and the name and compute capability of each GPU.

    For example ("13.0", [("NVIDIA H100", "9.0")]); (None, []) without a driver, or in a build without CUDA.
    """

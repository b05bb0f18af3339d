"""rectify from Python without compiling anything: calls its C ABI with ctypes, on numpy arrays. Any language that can call C
can do so.

    from rectify_ctypes import Rectify, Relu
    rectify = Rectify("librectify.so.0.2")
    y = np.empty_like(x)
    rectify.forward(Relu(alpha=0.01), x=x, bias=bias, y=y)      # y = leaky_relu(x + bias)

Operands have the names of rectify.h and the meaning described in ops.hpp; None means absent. They are numpy arrays of float16,
float32, float64 or bfloat16. The latter is ml_dtypes.bfloat16 or, without that package, an array of uint16 bits as
bits.view(BFLOAT16).

TypeError and ValueError are raised for errors that the library cannot see, such as a misspelt operand, another dtype or a
read-only output. Error is raised for what the library rejects. All name the operand, what was expected and what was given, and
nothing has been written. This module is for the CPU. For CUDA, set device to 1 and data to an address as in
__cuda_array_interface__.
"""
import ctypes
import math
import numbers
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_void_p

import numpy as np

MAX_RANK = 8
BFLOAT16 = np.dtype([("bfloat16", np.uint16)])  # numpy itself has no bfloat16; y.view(np.uint16) gives the bits
DTYPES = {np.dtype(np.float16): 1, BFLOAT16: 2, np.dtype(np.float32): 3, np.dtype(np.float64): 4}
U1, U2 = 5, 6
STRIDED = 1


def number(name, value, kind=numbers.Real):
    if isinstance(value, bool) or not isinstance(value, kind):
        raise TypeError(f"{name}: expected {'a number' if kind is numbers.Real else 'an integer'}, got {type(value)}")
    return value


class Relu(ctypes.Structure):
    __slots__ = ()  # so that relu.alhpa = 1 is an AttributeError
    _fields_ = [("alpha", c_double), ("threshold", c_double), ("max_value", c_double)]

    def __init__(self, alpha=0.0, threshold=0.0, max_value=math.inf):
        super().__init__(number("alpha", alpha), number("threshold", threshold), number("max_value", max_value))

    def __reduce__(self):  # copy and pickle work without a __dict__ too
        return Relu, (self.alpha, self.threshold, self.max_value)


class Tensor(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("dtype", c_int32), ("device", c_int32), ("device_index", c_int32), ("rank", c_int32),
                ("layout", c_int32), ("reserved", c_int32), ("shape", c_int64 * MAX_RANK), ("strides", c_int64 * MAX_RANK)]


class Forward(ctypes.Structure):
    inputs, outputs = "x scale bias residual alpha threshold max_value".split(), "y mask".split()
    settings = ["channel_axis", "gain"]
    _fields_ = [("struct_size", c_size_t), ("channel_axis", c_int32), ("reserved", c_int32),
                *[(name, Tensor) for name in inputs + outputs], ("gain", c_double)]


class Backward(ctypes.Structure):
    inputs = "dy x y mask scale bias residual alpha threshold max_value".split()
    outputs = "dx dresidual dscale dbias dalpha dthreshold dmax_value".split()
    settings = ["channel_axis", "gain", "accumulate"]
    _fields_ = [("struct_size", c_size_t), ("channel_axis", c_int32), ("reserved", c_int32),
                *[(name, Tensor) for name in inputs + outputs], ("workspace", c_void_p), ("workspace_bytes", c_size_t),
                ("gain", c_double), ("accumulate", c_int32), ("reserved_too", c_int32)]


class Mask:
    """A mask, which forward writes and backward reads: an array of bytes, and the shape and dtype (U1 or U2) of its bits."""

    def __init__(self, bits, shape, dtype):
        self.bits, self.shape, self.dtype = bits, tuple(shape), dtype


def extents(name, shape):
    if len(shape) > MAX_RANK:
        raise ValueError(f"{name}: expected at most {MAX_RANK} axes, got {len(shape)}")
    return (c_int64 * MAX_RANK)(*shape)


def array_view(name, array):
    """The struct for an array. The struct does not own the memory: the array must outlive the call."""
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):  # its mask would be ignored
        instead = f"; a single number goes into Relu({name}=...)" if hasattr(Relu, name) else ""
        raise TypeError(f"{name}: expected a plain numpy array, got {type(array)}{instead}")
    dtype = BFLOAT16 if array.dtype.name == "bfloat16" and array.dtype.isnative else array.dtype
    if dtype not in DTYPES:
        raise TypeError(f"{name}: expected dtype float16, float32, float64, ml_dtypes.bfloat16 or BFLOAT16, in native byte order, "
                        f"got {dtype}")
    shape = extents(name, array.shape)
    if any(extent > 1 and stride % array.itemsize for extent, stride in zip(array.shape, array.strides)):
        raise ValueError(f"{name}: expected strides of whole elements of {array.itemsize} bytes, got {array.strides} bytes")
    strides = [stride // array.itemsize for stride in array.strides]
    return Tensor(data=array.ctypes.data, dtype=DTYPES[dtype], rank=array.ndim, layout=STRIDED, shape=shape,
                  strides=(c_int64 * MAX_RANK)(*strides))


def mask_view(mask):
    """The struct for a Mask, like array_view."""
    if not isinstance(mask, Mask):
        raise TypeError(f"mask: expected a Mask, as new_mask() makes one, got {type(mask)}")
    shape, bits = extents("mask", mask.shape), mask.bits
    if mask.dtype not in (U1, U2):
        raise ValueError(f"mask: expected U1 ({U1}) or U2 ({U2}), got {mask.dtype!r}")
    if not isinstance(bits, np.ndarray) or bits.dtype != np.uint8 or not bits.flags.c_contiguous:
        got = f"{bits.dtype} with strides {bits.strides}" if isinstance(bits, np.ndarray) else type(bits)
        raise TypeError(f"mask: expected bits in a contiguous array of uint8, got {got}")
    least = -(-math.prod(mask.shape) * (mask.dtype - U1 + 1) // 8)
    if bits.size < least:
        raise ValueError(f"mask: expected {least} bytes for shape {list(mask.shape)}, got {bits.size}")
    return Tensor(data=bits.ctypes.data, dtype=mask.dtype, rank=len(mask.shape), shape=shape)


def view(kind, name, operand):
    tensor = mask_view(operand) if name == "mask" else array_view(name, operand)
    if name in kind.outputs and not (operand.bits if name == "mask" else operand).flags.writeable:
        raise ValueError(f"{name}: expected a writable array, as it is an output, got a read-only one")
    return tensor


def setting(name, value):
    """Returns the value if the C ABI will see the same value: a channel_axis of 2**32 would become 0, a gain of 0 means 1."""
    if name == "accumulate":
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"accumulate: expected True or False, got {type(value)}")
        return bool(value)
    number(name, value, numbers.Integral if name == "channel_axis" else numbers.Real)
    if name == "channel_axis" and not -MAX_RANK <= value < MAX_RANK:
        raise ValueError(f"channel_axis: expected {-MAX_RANK} to {MAX_RANK - 1}, got {value}")
    if name == "gain" and float(value) == 0:
        raise ValueError("gain: expected a finite number other than 0, got 0")
    return value


def operands_of(kind, relu, named):
    """The struct of operands of forward or backward. It points into the arrays of `named`, which must outlive it."""
    if not isinstance(relu, Relu):
        raise TypeError(f"relu: expected a Relu, got {type(relu)}")
    operands = kind(struct_size=ctypes.sizeof(kind), channel_axis=1)
    known = kind.inputs + kind.outputs + kind.settings
    for name, value in named.items():
        if name not in known:
            raise TypeError(f"{name}: expected an operand of {kind.__name__.lower()} ({', '.join(known)}), got an unknown name")
        if value is not None:
            setattr(operands, name, setting(name, value) if name in kind.settings else view(kind, name, value))
    return operands


class Error(RuntimeError):
    pass


class Rectify:
    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        self.c.rectify_forward.argtypes = [POINTER(Relu), POINTER(Forward), c_void_p]
        self.c.rectify_backward.argtypes = [POINTER(Relu), POINTER(Backward), c_void_p]
        self.c.rectify_workspace_bytes.argtypes = [POINTER(Relu), POINTER(Backward), POINTER(c_size_t)]
        self.c.rectify_mask_dtype.argtypes = [POINTER(Relu), POINTER(Forward), POINTER(c_int32)]
        self.c.rectify_mask_bytes.argtypes = [c_int32, POINTER(c_int64), c_int32, POINTER(c_size_t)]
        self.c.rectify_last_error.restype = c_char_p
        self.c.rectify_status_string.restype = c_char_p

    def check(self, status):
        if status != 0:
            raise Error(f"{self.c.rectify_status_string(status).decode()}: {self.c.rectify_last_error().decode()}")

    def forward(self, relu, **named):
        self.check(self.c.rectify_forward(relu, operands_of(Forward, relu, named), None))

    def backward(self, relu, **named):
        operands, needed = operands_of(Backward, relu, named), c_size_t()
        self.check(self.c.rectify_workspace_bytes(relu, operands, needed))
        workspace = np.empty(needed.value + 255, np.uint8)  # 255 more, so that it can begin on a boundary of 256 bytes
        operands.workspace = (workspace.ctypes.data + 255) // 256 * 256
        operands.workspace_bytes = needed.value
        self.check(self.c.rectify_backward(relu, operands, None))

    def new_mask(self, relu, x, **named):
        """Makes the narrowest mask that suffices. `named`: the other operands that forward will have."""
        operands, dtype, needed = operands_of(Forward, relu, {"x": x, **named}), c_int32(), c_size_t()
        self.check(self.c.rectify_mask_dtype(relu, operands, dtype))
        self.check(self.c.rectify_mask_bytes(dtype.value, operands.x.shape, operands.x.rank, needed))
        return Mask(np.empty(needed.value, np.uint8), x.shape, dtype.value)

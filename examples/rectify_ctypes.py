"""rectify from Python without a build: its C ABI by ctypes, on numpy arrays. Any language that can call C does the same.

    from rectify_ctypes import Rectify, Relu
    rectify = Rectify("librectify.so")
    y = np.empty_like(x)
    rectify.forward(Relu(alpha=0.01), x=x, bias=bias, y=y)      # y = leaky_relu(x + bias)

Operands go by the names that rectify.h gives them; what they mean is said in ops.hpp. Outputs must be writable, which is not
looked at. Only the CPU is shown: for CUDA, device is 1 and data an address as in __cuda_array_interface__.
"""
import ctypes
import math
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_void_p

import numpy as np

MAX_RANK = 8
DTYPES = {np.dtype(np.float16): 1, np.dtype(np.float32): 3, np.dtype(np.float64): 4}
U1, U2 = 5, 6
STRIDED = 1


class Relu(ctypes.Structure):
    _fields_ = [("alpha", c_double), ("threshold", c_double), ("max_value", c_double)]

    def __init__(self, alpha=0.0, threshold=0.0, max_value=math.inf):
        super().__init__(alpha, threshold, max_value)


class Tensor(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("dtype", c_int32), ("device", c_int32), ("device_index", c_int32), ("rank", c_int32),
                ("layout", c_int32), ("reserved", c_int32), ("shape", c_int64 * MAX_RANK), ("strides", c_int64 * MAX_RANK)]


def tensors(names):
    return [(name, Tensor) for name in names.split()]


class Forward(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("channel_axis", c_int32), ("reserved", c_int32),
                *tensors("x scale bias residual alpha threshold max_value y mask"), ("gain", c_double)]


class Backward(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("channel_axis", c_int32), ("reserved", c_int32),
                *tensors("dy x y mask scale bias residual alpha threshold max_value"),
                *tensors("dx dresidual dscale dbias dalpha dthreshold dmax_value"),
                ("workspace", c_void_p), ("workspace_bytes", c_size_t), ("gain", c_double), ("accumulate", c_int32),
                ("reserved_too", c_int32)]


class Mask:
    """The bits that forward leaves for backward: bytes in an array, and the shape and width that they have."""

    def __init__(self, bits, shape, dtype):
        self.bits, self.shape, self.dtype = bits, shape, dtype


def view(operand):
    """The struct for an array or a Mask. It does not own: the array must outlive the call."""
    if isinstance(operand, Mask):
        return Tensor(data=operand.bits.ctypes.data, dtype=operand.dtype, rank=len(operand.shape),
                      shape=(c_int64 * MAX_RANK)(*operand.shape))
    strides = [bytes // operand.itemsize for bytes in operand.strides]
    return Tensor(data=operand.ctypes.data, dtype=DTYPES[operand.dtype], rank=operand.ndim, layout=STRIDED,
                  shape=(c_int64 * MAX_RANK)(*operand.shape), strides=(c_int64 * MAX_RANK)(*strides))


NUMBERS = ("gain", "accumulate")


def operands_of(kind, channel_axis, named):
    return kind(struct_size=ctypes.sizeof(kind), channel_axis=channel_axis,
                **{name: operand if name in NUMBERS else view(operand) for name, operand in named.items()})


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

    def forward(self, relu, channel_axis=1, **named):
        self.check(self.c.rectify_forward(relu, operands_of(Forward, channel_axis, named), None))

    def backward(self, relu, channel_axis=1, **named):
        operands = operands_of(Backward, channel_axis, named)
        bytes = c_size_t()
        self.check(self.c.rectify_workspace_bytes(relu, operands, bytes))
        workspace = np.empty(bytes.value + 255, np.uint8)  # 255 more, to begin on a boundary of 256
        operands.workspace = (workspace.ctypes.data + 255) // 256 * 256
        operands.workspace_bytes = bytes.value
        self.check(self.c.rectify_backward(relu, operands, None))

    def new_mask(self, relu, x, **named):
        """Room for the narrowest mask that serves; `named` are the operands that forward will have."""
        dtype, bytes, shape = c_int32(), c_size_t(), (c_int64 * MAX_RANK)(*x.shape)
        self.check(self.c.rectify_mask_dtype(relu, operands_of(Forward, 1, {"x": x, **named}), dtype))
        self.check(self.c.rectify_mask_bytes(dtype.value, shape, x.ndim, bytes))
        return Mask(np.empty(bytes.value, np.uint8), x.shape, dtype.value)

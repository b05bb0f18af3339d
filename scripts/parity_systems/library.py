"""rectify itself through its C ABI: what the last column of every table is. One tensor of one axis, on the CPU."""

import ctypes
import math
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_void_p

import numpy as np
from problem import Problem

DTYPES = {"f16": 1, "bf16": 2, "f32": 3, "f64": 4}
INVALID_ARGUMENT = 1


class Relu(ctypes.Structure):
    _fields_ = [("alpha", c_double), ("threshold", c_double), ("max_value", c_double)]


class Tensor(ctypes.Structure):
    _fields_ = [
        ("data", c_void_p),
        *((name, c_int32) for name in ("dtype", "device", "device_index", "rank", "layout", "reserved")),
        ("shape", c_int64 * 8),
        ("strides", c_int64 * 8),
    ]


def operands(names, more):
    """A struct of operands: its first fields, the named tensors, and what follows them."""
    head = [("struct_size", c_size_t), ("channel_axis", c_int32), ("reserved", c_int32)]
    return type("Operands", (ctypes.Structure,), {"_fields_": [*head, *((name, Tensor) for name in names.split()), *more]})


Forward = operands("x scale bias residual alpha threshold max_value y mask", [("gain", c_double)])
Backward = operands(
    "dy x y mask scale bias residual alpha threshold max_value dx dresidual dscale dbias dalpha dthreshold dmax_value",
    [("workspace", c_void_p), ("workspace_bytes", c_size_t), ("gain", c_double), ("accumulate", c_int32), ("reserved_too", c_int32)],
)


class InvalidArgument(Exception):
    """The library rejects the parameters."""


class Library:
    def __init__(self, path):
        try:
            self.c = ctypes.CDLL(str(path))
        except OSError as error:
            raise Problem(f"{path} is not a library of rectify that can be loaded: {error}") from None
        self.c.rectify_forward.argtypes = [POINTER(Relu), POINTER(Forward), c_void_p]
        self.c.rectify_backward.argtypes = [POINTER(Relu), POINTER(Backward), c_void_p]
        self.c.rectify_workspace_bytes.argtypes = [POINTER(Relu), POINTER(Backward), POINTER(c_size_t)]
        self.c.rectify_last_error.restype = c_char_p

    def forward(self, relu, x, dtype):
        y = np.empty_like(x)
        given = {"x": view(x, dtype), "y": view(y, dtype)}
        self.check(self.c.rectify_forward(relu_of(relu), Forward(struct_size=ctypes.sizeof(Forward), **given), None))
        return y

    def backward(self, relu, dy, x, dtype):
        dx = np.empty_like(x)
        self.call_backward(relu, dy=view(dy, dtype), x=view(x, dtype), dx=view(dx, dtype))
        return dx

    def dalpha(self, relu, dy, x, dtype):
        """The sum over all elements, in the type that rectify gives it."""
        sum_dtype = "f64" if dtype == "f64" else "f32"
        dalpha = np.empty(1, DTYPE_OF_SUM[sum_dtype])
        self.call_backward(relu, dy=view(dy, dtype), x=view(x, dtype), dx=view(np.empty_like(x), dtype), dalpha=view(dalpha, sum_dtype))
        return dalpha[0]

    def backward_from_y(self, relu, dy, y, dtype):
        dx = np.empty_like(y)
        self.call_backward(relu, dy=view(dy, dtype), y=view(y, dtype), dx=view(dx, dtype))
        return dx

    def call_backward(self, relu, **given):
        call = Backward(struct_size=ctypes.sizeof(Backward), **given)
        size = c_size_t()
        self.check(self.c.rectify_workspace_bytes(relu_of(relu), call, size))
        workspace = np.empty(size.value + 255, np.uint8)
        call.workspace = (workspace.ctypes.data + 255) // 256 * 256
        call.workspace_bytes = size.value
        self.check(self.c.rectify_backward(relu_of(relu), call, None))

    def check(self, status):
        if status == INVALID_ARGUMENT:
            raise InvalidArgument(self.c.rectify_last_error().decode())
        if status:
            raise Problem(f"rectify: status {status}: {self.c.rectify_last_error().decode()}")


DTYPE_OF_SUM = {"f32": np.float32, "f64": np.float64}


def relu_of(parameters):
    alpha, threshold, max_value = parameters
    return Relu(alpha, threshold, math.inf if max_value is None else max_value)


def view(array, dtype):
    """The array must outlive the call."""
    return Tensor(data=array.ctypes.data, dtype=DTYPES[dtype], rank=1, shape=(c_int64 * 8)(array.size))

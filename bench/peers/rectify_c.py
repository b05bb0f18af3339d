"""rectify through its C ABI (rectify.h), for tensors of torch on any device and arrays of numpy on the CPU.

A call is prepared once and run many times, as in a training loop with fixed buffers, so that the library's call is
timed, not the filling of its structs.
"""

import ctypes
import math
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_void_p

MAX_RANK = 8
DTYPES = {"f16": 1, "bf16": 2, "f32": 3, "f64": 4}
STRIDED = 1
CPU, CUDA = 0, 1
INVALID_ARGUMENT = 1


class Relu(ctypes.Structure):
    """rectify_relu: the function's three parameters."""

    _fields_ = [("alpha", c_double), ("threshold", c_double), ("max_value", c_double)]

    def __init__(self, alpha=0.0, threshold=0.0, max_value=math.inf):
        super().__init__(alpha, threshold, max_value)


class Tensor(ctypes.Structure):
    """rectify_tensor. With zero in every byte it is absent."""

    _fields_ = [
        ("data", c_void_p),
        ("dtype", c_int32),
        ("device", c_int32),
        ("device_index", c_int32),
        ("rank", c_int32),
        ("layout", c_int32),
        ("reserved", c_int32),
        ("shape", c_int64 * MAX_RANK),
        ("strides", c_int64 * MAX_RANK),
    ]


def _tensors(names):
    return [(name, Tensor) for name in names.split()]


class Forward(ctypes.Structure):
    """rectify_forward_operands."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("channel_axis", c_int32),
        ("reserved", c_int32),
        *_tensors("x scale bias residual alpha threshold max_value y mask"),
        ("gain", c_double),
    ]


class Backward(ctypes.Structure):
    """rectify_backward_operands."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("channel_axis", c_int32),
        ("reserved", c_int32),
        *_tensors("dy x y mask scale bias residual alpha threshold max_value"),
        *_tensors("dx dresidual dscale dbias dalpha dthreshold dmax_value"),
        ("workspace", c_void_p),
        ("workspace_bytes", c_size_t),
        ("gain", c_double),
        ("accumulate", c_int32),
        ("reserved_too", c_int32),
    ]


NUMBERS = ("gain", "accumulate")  # operands that are not tensors


class Mask:
    """The bytes of a mask, with its shape and its dtype (U1 or U2 of rectify.h)."""

    def __init__(self, storage, shape, dtype):
        self.storage, self.shape, self.dtype = storage, tuple(shape), dtype

    @property
    def bits(self):
        """Of one element."""
        return self.dtype - 4


class Error(RuntimeError):
    """rectify rejected the call, or the call failed. Has the status of rectify.h and the error text."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Library:
    """librectify.so. `arrays` finds addresses, dtypes and devices of tensors, and the current stream (arrays.py)."""

    def __init__(self, path, arrays):
        self.arrays = arrays
        self.c = ctypes.CDLL(str(path))
        for name in ("rectify_forward", "rectify_backward"):
            # Plain addresses: ctypes converts an int much faster than a struct.
            getattr(self.c, name).argtypes = [c_void_p, c_void_p, c_void_p]
            getattr(self.c, name).restype = c_int32
        self.c.rectify_workspace_bytes.argtypes = [POINTER(Relu), POINTER(Backward), POINTER(c_size_t)]
        self.c.rectify_mask_dtype.argtypes = [POINTER(Relu), POINTER(Forward), POINTER(c_int32)]
        self.c.rectify_mask_bytes.argtypes = [c_int32, POINTER(c_int64), c_int32, POINTER(c_size_t)]
        self.c.rectify_last_error.restype = c_char_p
        self.c.rectify_status_string.argtypes = [c_int32]
        self.c.rectify_status_string.restype = c_char_p

    def version(self):
        number = self.c.rectify_version()
        return f"{number // 10000}.{number // 100 % 100}.{number % 100}"

    def cuda_available(self):
        return self.c.rectify_cuda_available() == 1

    def check(self, status):
        if status != 0:
            cuda = self.c.rectify_last_cuda_error()
            raise Error(
                status,
                f"{self.c.rectify_status_string(status).decode()}: {self.c.rectify_last_error().decode()}"
                + (f" (CUDA error {cuda})" if cuda else ""),
            )

    def forward(self, relu, channel_axis=1, **named):
        """A prepared rectify_forward: call it to run it on the current stream."""
        return Call(self, self.c.rectify_forward, relu, self._operands(Forward, channel_axis, named), named)

    def backward(self, relu, channel_axis=1, **named):
        """A prepared rectify_backward, with its workspace."""
        operands = self._operands(Backward, channel_axis, named)
        size = c_size_t()
        self.check(self.c.rectify_workspace_bytes(relu, operands, size))
        if size.value:
            # 255 more bytes, to begin on a boundary of 256 bytes wherever the allocation begins.
            workspace = self.arrays.bytes(size.value + 255)
            operands.workspace = (self.arrays.address(workspace) + 255) // 256 * 256
            operands.workspace_bytes = size.value
            named = {**named, "workspace": workspace}
        return Call(self, self.c.rectify_backward, relu, operands, named)

    def new_mask(self, relu, x, **named):
        """Allocates the narrowest mask that serves backward. `named` are the other operands that forward will have."""
        dtype, size, shape = c_int32(), c_size_t(), (c_int64 * MAX_RANK)(*x.shape)
        self.check(self.c.rectify_mask_dtype(relu, self._operands(Forward, 1, {"x": x, **named}), dtype))
        self.check(self.c.rectify_mask_bytes(dtype.value, shape, len(x.shape), size))
        return Mask(self.arrays.bytes(size.value), x.shape, dtype.value)

    def _operands(self, kind, channel_axis, named):
        return kind(
            struct_size=ctypes.sizeof(kind),
            channel_axis=channel_axis,
            **{name: operand if name in NUMBERS else self._view(operand) for name, operand in named.items()},
        )

    def _view(self, operand):
        arrays = self.arrays
        device, index = arrays.device_code()
        if isinstance(operand, Mask):
            return Tensor(
                data=arrays.address(operand.storage),
                dtype=operand.dtype,
                device=device,
                device_index=index,
                rank=len(operand.shape),
                shape=(c_int64 * MAX_RANK)(*operand.shape),
            )
        return Tensor(
            data=arrays.address(operand),
            dtype=DTYPES[arrays.dtype_name(operand)],
            device=device,
            device_index=index,
            rank=len(operand.shape),
            layout=STRIDED,
            shape=(c_int64 * MAX_RANK)(*operand.shape),
            strides=(c_int64 * MAX_RANK)(*arrays.strides(operand)),
        )


class Call:
    """A function with all of its operands. It keeps them alive, because the structs hold only addresses."""

    def __init__(self, library, function, relu, operands, named):
        self.library, self.function, self._kept = library, function, (relu, operands, named)
        self._relu, self._operands = ctypes.addressof(relu), ctypes.addressof(operands)
        self._stream = library.arrays.stream

    def arguments(self):
        """The arguments of the C function."""
        return self._relu, self._operands, self._stream()

    def __call__(self):
        status = self.function(self._relu, self._operands, self._stream())
        if status:
            self.library.check(status)

"""Makes a call of the library's C ABI from a row. The addresses of its tensors have no memory behind them: the library only passes
them on, and the kernels are interpreted."""

import ctypes
import math
import sys
from ctypes import c_size_t
from pathlib import Path

from memory import Range
from problem import Problem

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench" / "peers"))
import rectify_c  # noqa: E402

BYTES = {"f16": 2, "bf16": 2, "f32": 4, "f64": 8}
U1, CUDA = 5, 1
PARAMETERS, SUMS = ("scale", "bias", "alpha"), ("dscale", "dbias", "dalpha", "dthreshold", "dmax_value")
BOUNDARY = 1 << 40  # each tensor begins at a multiple of this


class Absent(Exception):
    """This version of the library has no such call."""


class Library:
    """librectify.so, loaded in a process in which the recorder replaces the CUDA runtime."""

    def __init__(self, path):
        try:
            self.c = ctypes.CDLL(str(path))
        except OSError as error:
            raise Problem(str(error)) from None
        self.c.rectify_last_error.restype = ctypes.c_char_p

    def check(self, status):
        if status:
            raise Problem(self.c.rectify_last_error().decode())


class Call:
    """The call of a row in one dtype. `ranges` are its tensors, `elements` is the number of elements of the output."""

    def __init__(self, library, row, dtype, mib):
        self.library, self.row, self.dtype = library, row, dtype
        self.ranges = []
        self.shape, self.strides, self.span = self._extents(mib)
        self.elements = math.prod(self.shape)
        structs = {"forward": rectify_c.Forward, "backward": rectify_c.Backward}
        self.operands = structs[row.function](struct_size=ctypes.sizeof(structs[row.function]), channel_axis=row.channel_axis)
        for name in row.operands.split():
            setattr(self.operands, name, self._tensor(name))
        for name, value in row.numbers.items():
            if not hasattr(self.operands, name):
                raise Absent(name)
            setattr(self.operands, name, value)
        self.relu = rectify_c.Relu(**row.relu)
        if any(name in SUMS for name in row.operands.split()):
            self._add_workspace()

    def _extents(self, mib):
        """Shape, strides and span in elements of a tensor that is a view of a buffer of `mib` MiB."""
        row = self.row
        storage = list(row.storage or row.shape)
        of_one = math.prod(extent or 1 for extent in storage) * row.step
        n = mib * 2**20 // BYTES[self.dtype] // of_one
        shape, storage = [extent or n for extent in row.shape], [extent or n for extent in storage]
        strides = [math.prod(storage[axis + 1 :]) * row.step for axis in range(len(shape))]
        return shape, strides, math.prod(storage) * row.step

    def _tensor(self, name):
        size, row = BYTES[self.dtype], self.row
        if name == "mask":
            return self._at(name, "mask", U1, self.shape, None, -(-self.elements // 8))
        code = rectify_c.DTYPES[self.dtype]
        channels = self.shape[row.channel_axis] if len(self.shape) > 1 else 1
        if name in PARAMETERS:
            return self._at(name, "parameter", code, [channels], None, channels * size)
        if name in SUMS:
            wide = self.dtype == "f64"
            length = 1 if name in SUMS[3:] or (name == "dalpha" and "alpha" not in row.operands.split()) else channels
            return self._at(
                name, "sum", rectify_c.DTYPES["f64" if wide else "f32"], [length], None, length * (8 if wide else 4)
            )
        strides = list(self.strides)
        if name == "x" and row.broadcast:
            strides[0] = 0
        offset = row.offset if name == "x" else 0
        return self._at(name, "tensor", code, self.shape, strides, (self.span + offset) * size, offset * size)

    def _at(self, name, kind, code, shape, strides, size, offset=0):
        begin = (len(self.ranges) + 1) * BOUNDARY
        self.ranges.append(Range(name, begin, size, kind))
        tensor = rectify_c.Tensor(data=begin + offset, dtype=code, device=CUDA, rank=len(shape))
        tensor.shape[: len(shape)] = shape
        if strides is not None:
            tensor.layout = rectify_c.STRIDED
            tensor.strides[: len(shape)] = strides
        return tensor

    def _add_workspace(self):
        size = c_size_t()
        self.library.check(
            self.library.c.rectify_workspace_bytes(ctypes.byref(self.relu), ctypes.byref(self.operands), ctypes.byref(size))
        )
        begin = (len(self.ranges) + 1) * BOUNDARY
        self.ranges.append(Range("workspace", begin, size.value, "parts"))
        self.operands.workspace, self.operands.workspace_bytes = begin, size.value

    def useful_bytes(self):
        """The bytes that the op must move per element."""
        return self.row.tensors * BYTES[self.dtype] + self.row.mask_bits / 8

    def __call__(self):
        function = getattr(self.library.c, "rectify_" + self.row.function)
        self.library.check(function(ctypes.byref(self.relu), ctypes.byref(self.operands), None))

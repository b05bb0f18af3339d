"""rectify itself, through its C ABI, for the last column of every table. Arrays have one axis and are on the CPU."""

import math
import sys
from pathlib import Path

import numpy as np
from elements import STORAGE
from problem import Problem

sys.path.append(str(Path(__file__).resolve().parents[2] / "bench" / "peers"))
import rectify_c  # noqa: E402
from arrays import NumpyArrays  # noqa: E402

DTYPES = {np.dtype(storage): name for name, storage in STORAGE.items()}


class InvalidArgument(Exception):
    """The library rejects the parameters."""


class Arrays(NumpyArrays):
    """An array of numpy, or of the uint16 bits of bf16."""

    def dtype_name(self, array):
        return DTYPES[array.dtype]


class Library:
    def __init__(self, path):
        try:
            self.c = rectify_c.Library(path, Arrays())
        except OSError as error:
            raise Problem(f"{path} is not a rectify library that can be loaded: {error}") from None

    def forward(self, relu, x):
        y = np.empty_like(x)
        self.run(self.c.forward, relu, x=x, y=y)
        return y

    def backward(self, relu, dy, x):
        dx = np.empty_like(x)
        self.run(self.c.backward, relu, dy=dy, x=x, dx=dx)
        return dx

    def backward_from_y(self, relu, dy, y):
        dx = np.empty_like(y)
        self.run(self.c.backward, relu, dy=dy, y=y, dx=dx)
        return dx

    def dalpha(self, relu, dy, x):
        """The sum over all elements, in rectify's type for sums."""
        dalpha = np.empty(1, np.float64 if x.dtype == np.float64 else np.float32)
        self.run(self.c.backward, relu, dy=dy, x=x, dalpha=dalpha)
        return dalpha[0]

    def run(self, prepare, parameters, **arrays):
        alpha, threshold, max_value = parameters
        relu = rectify_c.Relu(alpha, threshold, math.inf if max_value is None else max_value)
        try:
            prepare(relu, **arrays)()
        except rectify_c.Error as error:
            if error.status == rectify_c.INVALID_ARGUMENT:
                raise InvalidArgument(str(error)) from None
            raise Problem(f"rectify: {error}") from None

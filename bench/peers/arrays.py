"""The few things about tensors that torch and numpy name differently, so that each op is prepared and checked by one
piece of code.

With torch everything runs on the requested device; with numpy alone rectify is still checked and timed on the CPU.
"""

import numpy as np


class TorchArrays:
    """Tensors of torch on one device."""

    name = "torch"

    def __init__(self, torch, device):
        self.torch = torch
        self.device = torch.device("cuda", torch.cuda.current_device()) if device == "cuda" else torch.device("cpu")
        self.cuda = device == "cuda"
        self.dtypes = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}
        self._names = {dtype: name for name, dtype in self.dtypes.items()}
        self.where = torch.where
        self.stream = self._stream_function()

    def _stream_function(self):
        """Torch's current stream as an address, found in the cheapest way: it is needed at every call, also while a graph
        is captured."""
        torch, index = self.torch, self.device.index
        if not self.cuda:
            return lambda: None
        raw = getattr(torch._C, "_cuda_getCurrentRawStream", None)
        if raw is not None:
            return lambda: raw(index)
        return lambda: torch.cuda.current_stream().cuda_stream

    def device_code(self):
        return (1, self.device.index) if self.cuda else (0, 0)

    def supports(self, dtype):
        return dtype in self.dtypes

    def normal(self, shape, dtype, mean=0.0, deviation=1.0):
        """Random values, drawn in place: a temporary of f32 would take twice the memory of a 16-bit tensor."""
        return self.torch.empty(shape, dtype=self.dtypes[dtype], device=self.device).normal_(mean, deviation)

    def uniform(self, shape, dtype, low, high):
        return self.torch.empty(shape, dtype=self.dtypes[dtype], device=self.device).uniform_(low, high)

    def from_list(self, values, dtype):
        return self.torch.tensor(values, dtype=self.dtypes[dtype], device=self.device)

    def empty(self, shape, dtype):
        return self.torch.empty(shape, dtype=self.dtypes[dtype], device=self.device)

    def bytes(self, count):
        return self.torch.empty(count, dtype=self.torch.uint8, device=self.device)

    def poison(self, array):
        array.fill_(255 if array.dtype == self.torch.uint8 else float("nan"))

    def broadcast(self, array, shape):
        return array.expand(shape)

    def address(self, array):
        return array.data_ptr()

    def strides(self, array):
        return array.stride()

    def dtype_name(self, array):
        return self._names[array.dtype]

    def single(self, array):
        return array.to(self.torch.float32)

    def double(self, array):
        return array.to(self.torch.float64)

    def narrow(self, array, dtype):
        return array.to(self.dtypes[dtype])

    def number(self, value):
        """A scalar in float, so that no product is formed in double."""
        return self.torch.tensor(value, dtype=self.torch.float32, device=self.device)

    def view_as_int64(self, array):
        return array.view(self.torch.int64)

    def view_as_double(self, array):
        return array.view(self.torch.float64)

    def differing(self, a, b):
        """The number of elements whose bits differ."""
        kind = self.torch.int32 if a.element_size() == 4 else self.torch.int16
        return int((a.contiguous().view(kind) != b.contiguous().view(kind)).sum())

    def to_host(self, array):
        return array.to(self.torch.float64).cpu().numpy()

    def synchronize(self):
        if self.cuda:
            self.torch.cuda.synchronize()

    def release(self):
        if self.cuda:
            self.torch.cuda.empty_cache()


class NumpyArrays:
    """Arrays of numpy, on the CPU. numpy has no bf16."""

    name = "numpy"
    cuda = False

    def __init__(self):
        self.dtypes = {"f16": np.dtype(np.float16), "f32": np.dtype(np.float32)}
        self._names = {dtype: name for name, dtype in self.dtypes.items()}
        self._random = np.random.default_rng(1)
        self.where = np.where

    def stream(self):
        return None

    def device_code(self):
        return 0, 0

    def supports(self, dtype):
        return dtype in self.dtypes

    def normal(self, shape, dtype, mean=0.0, deviation=1.0):
        return (self._random.standard_normal(shape, np.float32) * np.float32(deviation) + np.float32(mean)).astype(
            self.dtypes[dtype]
        )

    def uniform(self, shape, dtype, low, high):
        return self._random.uniform(low, high, shape).astype(self.dtypes[dtype])

    def from_list(self, values, dtype):
        return np.array(values, self.dtypes[dtype])

    def empty(self, shape, dtype):
        return np.empty(shape, self.dtypes[dtype])

    def bytes(self, count):
        return np.empty(count, np.uint8)

    def poison(self, array):
        array.fill(255 if array.dtype == np.uint8 else np.nan)

    def broadcast(self, array, shape):
        return np.broadcast_to(array, shape)

    def address(self, array):
        return array.ctypes.data

    def strides(self, array):
        return [stride // array.itemsize for stride in array.strides]

    def dtype_name(self, array):
        return self._names[array.dtype]

    def single(self, array):
        return array.astype(np.float32)

    def double(self, array):
        return array.astype(np.float64)

    def narrow(self, array, dtype):
        return array.astype(self.dtypes[dtype])

    def number(self, value):
        return np.float32(value)

    def view_as_int64(self, array):
        return array.view(np.int64)

    def view_as_double(self, array):
        return array.view(np.float64)

    def differing(self, a, b):
        kind = np.int32 if a.itemsize == 4 else np.int16
        return int((np.ascontiguousarray(a).view(kind) != np.ascontiguousarray(b).view(kind)).sum())

    def to_host(self, array):
        return array.astype(np.float64)

    def synchronize(self):
        pass

    def release(self):
        pass

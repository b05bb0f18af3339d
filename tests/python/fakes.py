"""Modules and arrays that look like those of CuPy, Numba and PyTorch on CUDA, with memory of NumPy, and a binary that
computes on it. They tell which stream, device and allocation a call chooses, on a machine without a GPU."""

import contextlib
import ctypes
import types

import numpy as np
from rectify import _rectify
from rectify._views import View

from capsules import CUDA, Exporter


class Binary:
    """rectify._rectify, which takes arrays on CUDA for arrays on the CPU. `calls` are (function, arguments)."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        def call(*arguments):
            self.calls.append((name, arguments))
            return getattr(_rectify, name)(*[on_host(argument) for argument in arguments])

        return call

    @property
    def stream(self):
        """That of the last call."""
        return self.calls[-1][1][-1]


def on_host(argument):
    if isinstance(argument, View):
        return argument._replace(cuda=False, device=0)
    if callable(argument):
        return lambda size: on_host(argument(size))
    return argument


class Driver:
    """libcuda.so.1, to which all memory is on the device `device`."""

    def __init__(self, device):
        self.device = device

    def cuPointerGetAttribute(self, result, attribute, address):
        assert attribute == 9 and isinstance(address, ctypes.c_uint64)
        result._obj.value = self.device
        return 0


def typestr_interface(array, stream, version=3):
    """A __cuda_array_interface__ for NumPy's memory."""
    interface = dict(array.__array_interface__, version=version)
    del interface["descr"]
    return interface if stream is ... else dict(interface, stream=stream)


class WithInterface:
    """An array of an unknown library, that has __cuda_array_interface__ alone."""

    def __init__(self, array, stream=...):
        self.array = array
        self.__cuda_array_interface__ = typestr_interface(array, stream)


class Log(list):
    """What was allocated: (shape, dtype, device, stream)."""


def cupy_module(streams):
    """CuPy: streams[d] is the current stream of device d."""
    log, state = Log(), types.SimpleNamespace(device=0, external=None)

    class Device(contextlib.ContextDecorator):
        def __init__(self, device):
            self.id, self.outer = device, []

        def __enter__(self):
            self.outer.append(state.device)
            state.device = self.id

        def __exit__(self, *_):
            state.device = self.outer.pop()

    @contextlib.contextmanager
    def external_stream(address):
        state.external = address
        yield
        state.external = None

    class ndarray(Exporter):
        __module__ = "cupy"

        def __init__(self, array, device=0):
            super().__init__(array, (CUDA, device))
            self.__cuda_array_interface__ = typestr_interface(array, streams[device])

        @property
        def device(self):
            return Device(self._device)

        @device.setter
        def device(self, pair):
            self._device = pair[1]

        def __dlpack_device__(self):
            return CUDA, self._device

        def __dlpack__(self, **keywords):
            self.calls.append(keywords)
            return Exporter(self.array, (CUDA, self._device)).__dlpack__(**keywords)

        def get(self):
            return self.array

    def allocated(array):
        log.append((array.shape, array.dtype.name, state.device, state.external))
        return ndarray(array, state.device)

    cuda = types.SimpleNamespace(
        get_current_stream=lambda: types.SimpleNamespace(ptr=streams[state.device]), ExternalStream=external_stream
    )
    return types.SimpleNamespace(
        ndarray=ndarray,
        cuda=cuda,
        log=log,
        empty_like=lambda a: allocated(np.empty_like(a.array)),
        empty=lambda shape, dtype: allocated(np.empty(shape, dtype)),
    )


def numba_module():
    class DeviceNDArrayBase(WithInterface):
        __module__ = "numba.cuda.cudadrv.devicearray"

        def __init__(self, array, stream=0):
            super().__init__(array, int(stream) if stream != 0 else None)
            self.stream = stream

        def copy_to_host(self):
            return self.array

    return types.SimpleNamespace(
        DeviceNDArrayBase=DeviceNDArrayBase,
        external_stream=lambda address: address,
        device_array_like=lambda a, stream=0: DeviceNDArrayBase(np.empty_like(a.array), stream),
        device_array=lambda shape, dtype, stream=0: DeviceNDArrayBase(np.empty(shape, dtype), stream),
    )


def torch_module(current_stream):
    """PyTorch on CUDA before 2.10: its tensors have no C table."""
    log, state = Log(), types.SimpleNamespace(stream=None)

    class Tensor(Exporter):
        __module__ = "torch"
        requires_grad, is_cuda, layout, __torch_dispatch__ = False, True, "strided", None

        def __init__(self, array, index=0):
            super().__init__(array, (CUDA, index))
            self.index, self.shape = index, array.shape

        @property
        def device(self):
            return types.SimpleNamespace(type="cuda", index=self.index)

        @device.setter
        def device(self, pair):
            pass

        def is_neg(self):
            return False

        def __dlpack_device__(self):
            return CUDA, self.index

        def __dlpack__(self, **keywords):
            self.calls.append(keywords)
            return Exporter(self.array, (CUDA, self.index)).__dlpack__(**keywords)

        def cpu(self):
            return types.SimpleNamespace(numpy=lambda: self.array)

    def allocated(array, device):
        log.append((array.shape, array.dtype.name, device.index, state.stream))
        return Tensor(array, device.index)

    @contextlib.contextmanager
    def stream_context(stream):
        state.stream = stream
        yield
        state.stream = None

    functorch = types.SimpleNamespace(is_functorch_wrapped_tensor=lambda tensor: False)
    cuda = types.SimpleNamespace(
        current_stream=lambda device: types.SimpleNamespace(cuda_stream=current_stream + device.index),
        stream=stream_context,
        ExternalStream=lambda address, device: (address, device.index),
    )
    return types.SimpleNamespace(
        Tensor=Tensor,
        strided="strided",
        is_grad_enabled=lambda: True,
        cuda=cuda,
        log=log,
        float32=np.float32,
        float64=np.float64,
        uint8=np.uint8,
        _C=types.SimpleNamespace(_functorch=functorch),
        empty_like=lambda a, requires_grad: allocated(np.empty_like(a.array), a.device),
        empty=lambda shape, dtype, device: allocated(np.empty(shape, dtype), device),
    )

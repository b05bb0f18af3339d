"""Arrays of CuPy, Numba, PyTorch on CUDA and unknown libraries, as fakes: the stream, device and memory of a call."""

import sys
import types

import numpy as np
import pytest
import rectify
from rectify import InvalidArgument, InvalidType, Unsupported

import fakes
from capsules import CUDA, CUDA_HOST, CUDA_MANAGED, VULKAN, Exporter
from naive import CHANNELS, SHAPE, Function, assert_same, eighths, forward, sums


@pytest.fixture
def binary(monkeypatch):
    binary = fakes.Binary()
    monkeypatch.setattr(rectify._calls, "_rectify", binary)
    return binary


@pytest.fixture
def cupy(monkeypatch):
    module = fakes.cupy_module(streams=[7, 0])
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


@pytest.fixture
def numba(monkeypatch):
    module = fakes.numba_module()
    monkeypatch.setitem(sys.modules, "numba.cuda", module)
    monkeypatch.setattr(rectify._views.ctypes, "CDLL", lambda name: {"libcuda.so.1": fakes.Driver(device=1)}[name])
    return module


@pytest.fixture
def torch(monkeypatch):
    module = fakes.torch_module(current_stream=100)
    monkeypatch.setitem(sys.modules, "torch", module)
    return module


X, DY, BIAS = eighths(1, SHAPE), eighths(2, SHAPE), eighths(3, CHANNELS)
Y = forward(Function(0.25), X, bias=BIAS)


def check_layer(array, library):
    """forward and backward with a mask and a sum, of arrays that array() makes from NumPy's."""
    x, dy, bias = array(X), array(DY), array(BIAS)
    y, mask = rectify.forward(x, alpha=0.25, bias=bias, return_mask=True)
    assert type(y) is type(mask.bytes) is library
    assert_same(y.array, Y)
    assert_same(mask.unpack(), (X + BIAS[:, None] > 0).astype(np.uint8))
    got = rectify.backward(dy, mask=mask, alpha=0.25, dbias="channel")
    terms = sums(Function(0.25), DY, X, bias=BIAS)["dbias"]
    assert type(got.dx) is type(got.dbias) is library
    assert_same(got.dx.array, terms)
    assert_same(got.dbias.array, terms.sum((0, 2)))
    out, dalpha = array(np.zeros_like(X)), array(np.zeros((), np.float32))
    assert rectify.forward(x, alpha=0.25, bias=bias, out=out) is out
    assert_same(out.array, Y)
    got = rectify.backward(dy, x=x, alpha=0.25, dx=out, dalpha=dalpha)
    assert got.dalpha is dalpha
    assert_same(dalpha.array, np.asarray(sums(Function(0.25), DY, X)["dalpha"].sum()))


@pytest.mark.parametrize("device", [0, 1])
def test_cupy(binary, cupy, device):
    check_layer(lambda array: cupy.ndarray(array.copy(), device), cupy.ndarray)
    assert [arguments[-1] for _, arguments in binary.calls] == [[7, 0][device]] * 4
    for _, arguments in binary.calls:
        views = [argument for argument in arguments if isinstance(argument, rectify._views.View)]
        assert len(views) >= 3 and all(view.cuda and view.device == device for view in views)
    assert {entry[2:] for entry in cupy.log} == {(device, None)}
    workspaces = [entry for entry in cupy.log if entry[1] == "uint8" and entry[0] != (14,)]
    assert len(workspaces) == 2


def test_cupy_orders_by_streams(binary, cupy):
    for device, current, exported in ((0, 7, 7), (1, 0, 1)):  # DLPack has 1 for the default stream
        x, out = cupy.ndarray(X, device), cupy.ndarray(X.copy(), device)
        rectify.forward(x, out=out)
        assert binary.stream == current
        for array in (x, out):
            assert array.calls == [{"max_version": (1, 0), "copy": False, "stream": exported}]
    x = cupy.ndarray(X)
    rectify.forward(x, stream=4096)
    assert binary.stream == 4096 and x.calls[-1]["stream"] == 4096
    assert cupy.log[-1] == (SHAPE, "float32", 0, 4096)  # memory for the stream that was passed
    rectify.forward(x, stream=0)
    assert binary.stream == 0 and x.calls[-1]["stream"] == 1 and cupy.log[-1][3] is None


def test_streams_as_objects(binary, cupy):
    x = cupy.ndarray(X)
    protocol = type("Stream", (), {"__cuda_stream__": lambda self: (0, 51)})
    as_property = type("Stream", (), {"__cuda_stream__": property(lambda self: (0, 52))})
    for stream, address in (
        (types.SimpleNamespace(ptr=49), 49),
        (types.SimpleNamespace(cuda_stream=50), 50),
        (protocol(), 51),
        (as_property(), 52),
        (np.int64(53), 53),
    ):
        rectify.forward(x, stream=stream)
        assert binary.stream == address and type(binary.stream) is int
        rectify.backward(x, x=x, stream=stream)
        assert binary.stream == address
    with pytest.raises(InvalidType, match="^stream: expected a cudaStream_t as an integer"):
        rectify.forward(x, stream=types.SimpleNamespace(ptr="7"))


@pytest.mark.parametrize("stream", [0, 1, 2, 77])
def test_numba(binary, numba, stream):
    check_layer(lambda array: numba.DeviceNDArrayBase(array.copy(), stream), numba.DeviceNDArrayBase)
    assert [arguments[-1] for _, arguments in binary.calls] == [stream] * 4
    assert binary.calls[0][1][0].device == 1  # by the driver: the interface does not tell
    x = numba.DeviceNDArrayBase(X, stream)
    assert rectify.forward(x).stream == rectify.empty_mask(x).bytes.stream == stream
    y, mask = rectify.forward(x, stream=4096, return_mask=True)
    assert y.stream == mask.bytes.stream == binary.stream == 4096


def test_arrays_of_several_streams(binary, numba):
    x, residual = numba.DeviceNDArrayBase(X, 77), numba.DeviceNDArrayBase(DY, 78)
    text = "^residual: expected an array on the stream of x, 77, got one on stream 78; .*pass stream="
    with pytest.raises(InvalidArgument, match=text):
        rectify.forward(x, residual=residual)
    with pytest.raises(InvalidArgument, match="^x: expected an array on the stream of dy, 78, got one on stream 77"):
        rectify.backward(residual, x=x)
    assert not binary.calls
    assert_same(rectify.forward(x, residual=residual, stream=79).array, forward(Function(), X, residual=DY))
    assert binary.stream == 79
    for first, other in ((0, 1), (1, 0), (1, 1)):  # two names of the legacy default stream
        rectify.forward(numba.DeviceNDArrayBase(X, first), residual=numba.DeviceNDArrayBase(DY, other))


def test_torch_without_the_c_table(binary, torch):
    check_layer(lambda array: torch.Tensor(array.copy(), 1), torch.Tensor)
    assert [arguments[-1] for _, arguments in binary.calls] == [101] * 4
    assert {entry[2:] for entry in torch.log} == {(1, None)}
    x = torch.Tensor(X)
    rectify.forward(x, stream=4096)
    assert binary.stream == 4096 and torch.log[-1][2:] == (0, (4096, 0))
    assert x.calls == [{"max_version": (1, 0), "copy": False, "stream": 4096}]


def test_torch_with_the_c_table(monkeypatch, torch):
    calls = []
    monkeypatch.setattr(
        rectify._calls, "_rectify", types.SimpleNamespace(relu=lambda *arguments: calls.append(arguments))
    )
    torch.Tensor.__dlpack_c_exchange_api__ = "a capsule"
    x, out = torch.Tensor(X), torch.Tensor(X.copy())
    rectify.forward(x, out=out)
    assert calls[-1] == (x, out, 0.0, 0.0, np.inf, None) and x.calls == []  # the binary asks the table for the stream
    rectify.forward(x, out=out, stream=4096)
    assert calls[-1] == (x, out, 0.0, 0.0, np.inf, 4096)
    numpy_out = X.copy()
    rectify.forward(x, out=numpy_out)
    assert calls[-1][0] is x and calls[-1][1].address == numpy_out.ctypes.data


def namespace(made):
    """An array API namespace whose arrays have DLPack alone, besides the namespace."""

    class Array(Exporter):
        def __array_namespace__(self):
            return types.SimpleNamespace(
                empty_like=lambda array: made(Array(np.empty_like(array.array), array.device)),
                float32=np.float32,
                float64=np.float64,
                uint8=np.uint8,
                empty=lambda shape, dtype, device: made(Array(np.empty(shape, dtype), device)),
            )

    return Array


def test_the_array_api(binary):
    made = []
    array = namespace(lambda new: made.append(new) or new)
    check_layer(lambda memory: array(memory.copy()), array)
    assert all(new.device == (1, 0) for new in made) and binary.stream is None
    for device_type, cuda, stream in ((CUDA_HOST, False, None), (CUDA, True, 0), (CUDA_MANAGED, True, 0)):
        x = array(X, (device_type, 3))
        y = rectify.forward(x)
        assert y.device == (device_type, 3)
        assert_same(y.array, np.maximum(X, 0))
        assert binary.calls[-1][1][0].cuda == cuda and binary.stream == stream
        assert ("stream" in x.calls[0]) == cuda and x.calls[0].get("stream", 1) == 1
    with pytest.raises(
        Unsupported, match="^x: expected memory of the CPU or of CUDA, got that of DLPack's device type 7$"
    ):
        rectify.forward(array(X, (VULKAN, 0)))


def test_libraries_without_a_namespace(binary, numba):
    for x in (Exporter(X), fakes.WithInterface(X)):
        with pytest.raises(
            InvalidArgument,
            match="^y: expected an array, as x, a .*, has no __array_namespace__ to allocate one, got none$",
        ):
            rectify.forward(x)
        with pytest.raises(InvalidArgument, match="^dx: expected an array, as dy, a "):
            rectify.backward(x, x=x)
        out = type(x)(np.empty_like(X))
        with pytest.raises(InvalidArgument, match="^mask: expected an array, as x, a "):
            rectify.forward(x, out=out, return_mask=True)
        assert rectify.forward(x, alpha=0.25, bias=BIAS, out=out) is out
        assert_same(out.array, Y)
        with pytest.raises(InvalidArgument, match="^dbias: expected an array, as dy, a "):
            rectify.backward(x, x=x, dx=out, dbias="channel")
    dbias = Exporter(np.empty(CHANNELS, np.float32))  # the workspace needs no library on the CPU
    rectify.backward(Exporter(DY), x=Exporter(X), dx=False, dbias=dbias)
    assert_same(dbias.array, np.where(X > 0, DY, 0).sum((0, 2)))
    with pytest.raises(InvalidArgument, match="^workspace: expected an array"):
        rectify.backward(
            fakes.WithInterface(DY), x=fakes.WithInterface(X), dx=False, dbias=fakes.WithInterface(dbias.array)
        )


def interface_of(array, **changes):
    changed = fakes.WithInterface(array)
    changed.__cuda_array_interface__.update(changes)
    return changed


def test_cuda_array_interface(binary, numba):
    x = fakes.WithInterface(np.asfortranarray(X))
    out = fakes.WithInterface(np.zeros(SHAPE, np.float32))
    rectify.forward(x, out=out)
    assert_same(out.array, np.maximum(X, 0))
    assert rectify.empty_mask(numba.DeviceNDArrayBase(np.asfortranarray(X))).order == (2, 1, 0)
    empty = interface_of(np.empty((0, 3), np.float32), data=(None, False))
    rectify.forward(empty, out=empty)
    assert binary.calls[-1][1][0][:4] == (0, "float32", True, 0)
    with_odd_strides = interface_of(np.empty((0, 3), np.float32), strides=(5, 5))  # which do not count
    rectify.forward(with_odd_strides, out=empty)
    for error, text, bad in (
        (InvalidType, "^x: expected dtype float16, .* got <i4$", interface_of(X.view(np.int32))),
        (InvalidType, "^x: expected dtype float16, .* got >f4$", interface_of(X.astype(">f4"))),
        (InvalidType, "^x: expected an array without a mask of its own", interface_of(X, mask=X)),
        (InvalidArgument, "^x: expected strides of whole elements of 4 bytes", interface_of(X, strides=(84, 28, 5))),
    ):
        with pytest.raises(error, match=text):
            rectify.forward(bad, out=out)
    with pytest.raises(InvalidArgument, match="^y: expected a writable array"):
        rectify.forward(x, out=interface_of(X, data=(X.ctypes.data, True)))


@pytest.mark.parametrize("platforms", [["gpu"], ["cpu", "cpu"]])
def test_jax_on_other_devices(platforms):
    devices = [types.SimpleNamespace(platform=platform) for platform in platforms]
    methods = {"is_deleted": lambda self: False, "devices": lambda self: devices, "__module__": "jaxlib._jax"}
    with pytest.raises(Unsupported, match="^x: expected a JAX array on one device, the CPU, got one on namespace"):
        rectify.forward(type("ArrayImpl", (), methods)())


def test_which_function_of_the_binary_is_called(binary):
    """Those without operands are faster."""
    for call, name in (
        (lambda: rectify.forward(X, alpha=0.1, max_value=1), "relu"),
        (lambda: rectify.backward(DY, x=X, alpha=0.1), "relu_backward"),
        (lambda: rectify.backward(DY, y=X, alpha=0.1), "relu_backward"),
        (lambda: rectify.forward(X, gain=2), "forward"),
        (lambda: rectify.backward(DY, x=X, gain=2), "backward"),
    ):
        call()
        assert binary.calls[-1][0] == name


def test_arrays_on_cuda_in_a_build_without_it(cupy):
    if rectify.build_info()["cuda"]:
        pytest.skip("this build has CUDA, for which the memory of a fake is invalid")
    with pytest.raises(
        Unsupported, match="^x: expected an array on the CPU, as this .* without CUDA, got one on cuda:0"
    ):
        rectify.forward(cupy.ndarray(X))


def test_operands_of_several_libraries(binary, cupy, torch):
    x = cupy.ndarray(X)
    y = rectify.forward(x, residual=torch.Tensor(DY), bias=Exporter(BIAS, (CUDA, 0)))
    assert_same(y.array, forward(Function(), X, residual=DY, bias=BIAS))
    assert binary.stream == 7 and type(y) is cupy.ndarray
    mask = rectify.forward(x, return_mask=True)[1]
    with pytest.raises(
        InvalidArgument, match="^mask: expected bytes in an array of PyTorch, as dy is, got cupy.*ndarray$"
    ):
        rectify.backward(torch.Tensor(DY), mask=mask)

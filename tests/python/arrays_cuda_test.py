"""Arrays on CUDA: results are those on the CPU, and calls run on the stream and the device of their arrays."""

import numpy as np
import pytest
import rectify
from rectify import InvalidArgument

from naive import CHANNELS, SHAPE, Function, assert_same, eighths, forward, sums

pytestmark = pytest.mark.skipif(not rectify.cuda_available(), reason="no GPU, or rectify was built without CUDA")
X, DY, BIAS = eighths(1, SHAPE), eighths(2, SHAPE), eighths(3, CHANNELS)


class Torch:
    def __init__(self):
        self.torch = pytest.importorskip("torch")

    def array(self, array):
        return self.torch.from_numpy(array.copy()).cuda()

    def numpy(self, array):
        return array.cpu().numpy()

    def stream(self):
        stream = self.torch.cuda.Stream()
        return stream, self.torch.cuda.stream(stream)

    def write_late(self, array, values):
        """Writes on the current stream, which is busy until then."""
        self.torch.cuda._sleep(200_000_000)
        array.copy_(values)


class CuPy:
    def __init__(self):
        self.cupy = pytest.importorskip("cupy")
        self.busy = self.cupy.zeros(1 << 26, np.float32)

    def array(self, array):
        return self.cupy.asarray(array)

    def numpy(self, array):
        return array.get()

    def stream(self):
        stream = self.cupy.cuda.Stream(non_blocking=True)
        return stream, stream

    def write_late(self, array, values):
        for _ in range(100):
            self.busy += 1
        array[...] = values


@pytest.fixture(params=[Torch, CuPy], ids=["torch", "cupy"])
def library(request):
    return request.param()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_layer(library, dtype):
    x, dy, bias = (library.array(array.astype(dtype)) for array in (X, DY, BIAS))
    f = Function(0.25, 0, 1)
    y, mask = rectify.forward(x, bias=bias, return_mask=True, **f._asdict())
    assert type(y) is type(mask.bytes) is type(x)
    on_cpu, mask_on_cpu = rectify.forward(X.astype(dtype), bias=BIAS.astype(dtype), return_mask=True, **f._asdict())
    assert_same(library.numpy(y), on_cpu)
    assert_same(library.numpy(mask.bytes), mask_on_cpu.bytes)
    assert_same(mask.unpack(), mask_on_cpu.unpack())
    terms = sums(f, DY.astype(dtype), X.astype(dtype), bias=BIAS.astype(dtype))
    got = rectify.backward(dy, mask=mask, dbias="channel", dmax_value=True, **f._asdict())
    assert_same(library.numpy(got.dx), terms["dbias"].astype(dtype))
    assert_same(library.numpy(got.dbias), terms["dbias"].sum((0, 2)))
    assert_same(library.numpy(got.dmax_value), np.asarray(terms["dmax_value"].sum()))
    alpha = library.array(np.full(CHANNELS, 0.25, dtype))
    got = rectify.backward(dy, x=x, alpha=alpha, max_value=1, bias=bias, dx=dy, dalpha=True)
    assert got.dx is dy
    assert_same(library.numpy(got.dalpha), terms["dalpha"].sum((0, 2)))


def test_orders(library):
    x = library.array(X).swapaxes(0, 2)
    y, mask = rectify.forward(x, return_mask=True)
    assert mask.order == (2, 1, 0)
    assert_same(library.numpy(y), np.maximum(X, 0).T)
    assert_same(mask.unpack(), (X > 0).astype(np.uint8).T)
    got = rectify.backward(x, mask=mask).dx
    assert_same(library.numpy(got), np.maximum(X, 0).T)


def test_the_current_stream(library):
    x, values = library.array(np.zeros_like(X)), library.array(X)
    stream, current = library.stream()
    rectify.forward(x)  # loads the kernels, which would wait for the stream
    stream.synchronize()
    with current:
        library.write_late(x, values)
        y = rectify.forward(x)
        dalpha = rectify.backward(x, x=x, alpha=0.25, dalpha=True).dalpha
    stream.synchronize()
    assert_same(library.numpy(y), np.maximum(X, 0))
    assert_same(library.numpy(dalpha), np.asarray(sums(Function(0.25), X, X)["dalpha"].sum()))


def test_a_stream_that_is_passed(library):
    x, values = library.array(np.zeros_like(X)), library.array(X)
    stream, current = library.stream()
    rectify.forward(x)
    with current:
        library.write_late(x, values)
    results = [rectify.forward(x, stream=stream) for _ in range(3)]
    sums_of = [rectify.backward(x, x=x, dx=False, dbias="all", stream=stream).dbias for _ in range(3)]
    stream.synchronize()
    for y in results:
        assert_same(library.numpy(y), np.maximum(X, 0))
    for dbias in sums_of:
        assert_same(library.numpy(dbias), np.asarray(np.maximum(X, 0).sum()))


class WithInterface:
    def __init__(self, array):
        self.array, self.__cuda_array_interface__ = array, array.__cuda_array_interface__


class WithDLPack:
    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **keywords):
        return self.array.__dlpack__(**keywords)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


@pytest.mark.parametrize("wrapper", [WithInterface, WithDLPack])
def test_arrays_of_unknown_libraries(library, wrapper):
    x, bias, out = (wrapper(library.array(array)) for array in (X, BIAS, np.zeros_like(X)))
    assert rectify.forward(x, alpha=0.25, bias=bias, out=out) is out
    assert_same(library.numpy(out.array), forward(Function(0.25), X, bias=BIAS))


def test_numba():
    cuda = pytest.importorskip("numba.cuda")
    stream = cuda.stream()
    x, dy = cuda.to_device(np.asfortranarray(X), stream=stream), cuda.to_device(DY)
    y, mask = rectify.forward(x, alpha=0.25, return_mask=True)
    assert mask.order == (2, 1, 0)
    stream.synchronize()
    assert_same(y.copy_to_host(), forward(Function(0.25), X))
    got = rectify.backward(dy, mask=mask, alpha=0.25, dbias="channel")
    assert_same(got.dbias.copy_to_host(), sums(Function(0.25), DY, X)["dbias"].sum((0, 2)))


def test_operands_on_the_cpu(library):
    x = library.array(X)
    for name, keywords in (("bias", {"bias": BIAS}), ("residual", {"residual": X}), ("y", {"out": X.copy()})):
        with pytest.raises(InvalidArgument, match=f"^{name}: expected .*cuda:0.*cpu"):
            rectify.forward(x, **keywords)
    with pytest.raises(InvalidArgument, match="^residual: expected .*cpu.*cuda:0"):
        rectify.forward(X, residual=x)


def test_graphs_of_torch():
    torch = pytest.importorskip("torch")
    x, dbias = torch.zeros(SHAPE, device="cuda"), torch.zeros(CHANNELS, device="cuda")
    rectify.backward(x, x=x, dbias=dbias)  # loads the kernels
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y, mask = rectify.forward(x, return_mask=True)
        dx = rectify.backward(x, mask=mask, dbias=dbias).dx
    x.copy_(torch.from_numpy(X))
    graph.replay()
    for got, expected in ((y, np.maximum(X, 0)), (dx, np.maximum(X, 0)), (dbias, np.maximum(X, 0).sum((0, 2)))):
        assert_same(got.cpu().numpy(), expected)


def test_a_second_gpu(library):
    if len(rectify._rectify.cuda_devices()[1]) < 2:
        pytest.skip("one GPU")
    with library.torch.cuda.device(1) if hasattr(library, "torch") else library.cupy.cuda.Device(1):
        x = library.array(X)
    y, mask = rectify.forward(x, return_mask=True)  # while device 0 is current
    assert y.device == x.device and mask.bytes.device == x.device
    assert_same(library.numpy(rectify.backward(x, mask=mask, dbias="channel").dbias), np.maximum(X, 0).sum((0, 2)))
    with pytest.raises(InvalidArgument, match="^residual: expected .*cuda:1.*cuda:0"):
        rectify.forward(x, residual=library.array(X))

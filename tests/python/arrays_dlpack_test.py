"""Arrays that have DLPack alone: exports of NumPy and PyTorch behind a wrapper, and capsules that neither makes."""

import enum
import types

import numpy as np
import pytest
import rectify
from rectify import InvalidArgument, InvalidType, Unsupported

from capsules import CPU, READ_ONLY, Exporter, Temporary
from naive import CHANNELS, SHAPE, Function, assert_same, eighths, forward

X = eighths(1, SHAPE)
NUMPY_HAS_VERSIONS = tuple(map(int, np.__version__.split(".")[:2])) >= (2, 1)


class Wrapper:
    """Passes on the DLPack methods of an array, and nothing else of it."""

    def __init__(self, array):
        self.array, self.keywords = array, None

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()

    def __dlpack__(self, **keywords):
        capsule = self.array.__dlpack__(**keywords)
        self.keywords = keywords
        return capsule


def into(out, first, **keywords):
    assert rectify.forward(first, out=out, **keywords) is out


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_exports_of_numpy(dtype):
    for x in (X.astype(dtype), np.asfortranarray(X.astype(dtype)), X.astype(dtype)[::2, :, 1::3]):
        wrapped, out = Wrapper(x), np.zeros_like(x)
        into(Wrapper(out), wrapped, alpha=0.25, residual=Wrapper(x))
        assert_same(out, forward(Function(0.25), x, residual=x))
        assert wrapped.keywords == ({"max_version": (1, 0), "copy": False} if NUMPY_HAS_VERSIONS else {})


def test_read_only_exports_of_numpy():
    frozen, out = X.copy(), np.zeros_like(X)
    frozen.flags.writeable = False
    if not NUMPY_HAS_VERSIONS:  # which cannot export it
        with pytest.raises(
            Unsupported, match="^x: expected an array that DLPack can describe, got a .*Wrapper: .*readonly"
        ):
            into(out, Wrapper(frozen))
        return
    into(out, Wrapper(frozen))
    assert_same(out, np.maximum(X, 0))
    with pytest.raises(
        InvalidArgument, match="^y: expected a writable array, as it is an output, got a read-only one$"
    ):
        into(Wrapper(frozen), X)


def test_exports_of_torch():
    torch = pytest.importorskip("torch")
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        x = torch.from_numpy(X).to(dtype).permute(2, 0, 1)
        out = torch.zeros_like(x)
        into(Wrapper(out), Wrapper(x), alpha=0.25)
        assert_same(out.float().numpy(), torch.where(x > 0, x, x * 0.25).float().numpy())
    with pytest.raises(Unsupported, match="^x: expected an array that DLPack can describe, got a .*Wrapper: .*require"):
        into(out, Wrapper(torch.zeros(3, requires_grad=True)))


@pytest.mark.parametrize("old", [False, True])
def test_capsules(old):
    x, out = np.asfortranarray(X), np.zeros_like(X)
    exporter = Exporter(x, old=old)
    into(Exporter(out, old=old), exporter)
    assert_same(out, np.maximum(X, 0))
    with_version = {"max_version": (1, 0), "copy": False}
    assert exporter.calls == ([with_version, {}] if old else [with_version])
    into(Exporter(out, old=old, dense=True), Exporter(X, old=old, dense=True), alpha=0.5)
    assert_same(out, forward(Function(0.5), X))


def test_orders_and_sums_of_exports():
    class Array(Exporter):
        def __array_namespace__(self):
            return self

        empty_like = staticmethod(lambda array: Array(np.empty_like(array.array)))
        empty = staticmethod(lambda shape, dtype, device: Array(np.empty(shape, dtype)))
        uint8, float32, float64 = np.uint8, np.float32, np.float64

    for x in (np.asfortranarray(X), np.asfortranarray(X.astype(np.float64))):
        mask = rectify.forward(Array(x), return_mask=True)[1]
        assert mask.order == (2, 1, 0) and mask.shape == SHAPE
        got = rectify.backward(Array(x), mask=mask, dbias="channel")
        assert_same(got.dbias.array, np.maximum(x, 0).sum((0, 2)))


def test_read_only_flag():
    out = np.zeros_like(X)
    into(out, Exporter(X, flags=READ_ONLY))
    with pytest.raises(InvalidArgument, match="^y: expected a writable array"):
        into(Exporter(out, flags=READ_ONLY), X)
    with pytest.raises(InvalidArgument, match="^dx: expected a writable array"):
        rectify.backward(X, x=X, dx=Exporter(out, flags=READ_ONLY))
    assert_same(out, np.maximum(X, 0))


@pytest.mark.parametrize(
    "dtype, name", [(np.int32, "int32"), (np.uint8, "uint8"), (np.complex64, "complex64"), (bool, "bool")]
)
def test_dtypes(dtype, name):
    with pytest.raises(InvalidType, match=f"^x: expected dtype float16, bfloat16, float32 or float64, got {name}"):
        into(X.copy(), Exporter(np.zeros(SHAPE, dtype)))


def test_what_no_kernel_takes():
    out = X.copy()
    with pytest.raises(InvalidType, match="^x: expected dtype .* got float32 of 4 lanes$"):
        into(out, Exporter(X, lanes=4))
    with pytest.raises(Unsupported, match="^residual: expected strides from 0"):
        into(out, X, residual=Exporter(X[::-1]))
    with pytest.raises(rectify.Error, match="version"):
        into(out, Exporter(X, version=(2, 0)))
    with pytest.raises(rectify.Error, match="9"):
        into(out, Exporter(np.zeros((1,) * 9, np.float32)))
    assert_same(out, X)


@pytest.mark.parametrize("error", [BufferError, RuntimeError, ValueError, TypeError])
def test_exports_that_fail(error):
    class Failing(Exporter):
        def __dlpack__(self, **keywords):
            raise error("because")

    with pytest.raises(
        Unsupported, match="^x: expected an array that DLPack can describe, got a .*Failing: because$"
    ) as raised:
        into(X.copy(), Failing(X))
    assert isinstance(raised.value.__cause__, error)


def test_devices_as_enumerations():
    class Device(enum.IntEnum):
        CPU = CPU

    out = np.zeros_like(X)
    into(out, Exporter(X, device=(Device.CPU, 0)))
    assert_same(out, np.maximum(X, 0))


def test_capsules_live_until_the_call_returns():
    out = np.zeros_like(X)
    into(out, Temporary(X), residual=Temporary(X), bias=Temporary(eighths(2, SHAPE[1])))
    assert_same(out, forward(Function(), X, residual=X, bias=eighths(2, SHAPE[1])))


@pytest.mark.parametrize("first", [X, Exporter(X)], ids=["NumPy", "DLPack alone"])
def test_workspaces_live_until_the_call_returns(monkeypatch, first):
    def backward(*arguments):
        allocate = arguments[19]
        views = [allocate(1000) for _ in range(3)]
        assert len({view.address for view in views}) == 3  # else one was freed

    monkeypatch.setattr(rectify._calls, "_rectify", types.SimpleNamespace(backward=backward))
    rectify.backward(first, x=X, dx=X.copy(), dbias=np.empty(CHANNELS, np.float32))

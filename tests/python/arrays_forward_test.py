"""rectify.forward and the presets on NumPy arrays, against NumPy's own arithmetic, bit for bit."""

import inspect
import threading
from fractions import Fraction

import numpy as np
import pytest

import rectify
from naive import CHANNELS, DTYPES, FUNCTIONS, SHAPE, Function, assert_same, eighths, forward, ids

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
every_function = pytest.mark.parametrize("f", FUNCTIONS, ids=ids)


def all_halves():
    return np.arange(2**16, dtype=np.uint16).view(np.float16)


@every_function
def test_all_halves(f):
    assert_same(rectify.forward(all_halves(), **f._asdict()), forward(f, all_halves()))


@pytest.mark.skipif(len(DTYPES) < 4, reason="no ml_dtypes")
@every_function
def test_all_bfloat16(f):
    x = np.arange(2**16, dtype=np.uint16).view(DTYPES[3])
    assert_same(rectify.forward(x, **f._asdict()), forward(f, x))


@every_dtype
@every_function
def test_random_and_special_values(dtype, f):
    x = np.random.default_rng(1).standard_normal(1003).astype(dtype)
    x[:6] = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 0.75]).astype(dtype)
    y = rectify.forward(x, **f._asdict())
    assert_same(y, forward(f, x))
    assert_same(rectify.forward(x, gain=1.3, **f._asdict()), forward(f, x, gain=1.3))


@every_dtype
@every_function
@pytest.mark.parametrize("names", ["scale", "bias", "residual", "scale bias", "bias residual", "scale bias residual"])
def test_operands(dtype, f, names):
    values = {"scale": eighths(2, CHANNELS, dtype), "bias": eighths(3, CHANNELS, dtype), "residual": eighths(4, SHAPE, dtype)}
    operands = {name: values[name] for name in names.split()}
    x = eighths(5, SHAPE, dtype)
    assert_same(rectify.forward(x, **f._asdict(), **operands), forward(f, x, **operands))
    assert_same(rectify.forward(x, gain=-0.75, **f._asdict(), **operands), forward(f, x, gain=-0.75, **operands))


@every_dtype
@pytest.mark.parametrize("shape", [(CHANNELS,), (1,), (), (1, CHANNELS, 1)], ids=str)
def test_parameter_arrays(dtype, shape):
    x, alpha, threshold = eighths(6, SHAPE, dtype), eighths(7, shape, dtype), eighths(8, shape, dtype)
    max_value = (threshold.astype(np.float64) + 1).astype(dtype)
    f = Function(alpha, threshold, max_value)
    assert_same(rectify.forward(x, **f._asdict()), forward(f, x))
    assert_same(rectify.forward(x, alpha=alpha), forward(Function(alpha), x))
    in_float = [p.astype(np.float64 if dtype == np.float64 else np.float32) for p in f]
    assert_same(rectify.forward(x, **Function(*in_float)._asdict()), forward(f, x))


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3, np.int64(2)])
def test_channel_axis(axis):
    x, bias, alpha = eighths(9, SHAPE), eighths(10, SHAPE[axis]), eighths(11, SHAPE[axis])
    y = rectify.forward(x, alpha=alpha, bias=bias, channel_axis=axis)
    assert_same(y, forward(Function(alpha), x, bias=bias, axis=axis))


def test_numbers_of_other_types():
    x = eighths(12, SHAPE)
    for alpha in (*[np.full(1, 0.25).astype(dtype)[0] for dtype in DTYPES], Fraction(1, 4)):
        assert_same(rectify.forward(x, alpha=alpha), forward(Function(0.25), x))
    assert_same(rectify.forward(x, alpha=1, threshold=np.int8(1), max_value=2), forward(Function(1, 1, 2), x))
    assert_same(rectify.forward(x, gain=np.float32(2)), forward(Function(), x, gain=2))


def test_presets():
    x = eighths(13, SHAPE) * 8
    bias = eighths(14, CHANNELS)
    for preset, f in ((rectify.relu, Function()), (rectify.relu6, Function(0, 0, 6))):
        assert_same(preset(x), forward(f, x))
        assert_same(preset(x, bias=bias, gain=2), forward(f, x, bias=bias, gain=2))
    assert_same(rectify.leaky_relu(x, 0.25), forward(Function(0.25), x))
    assert_same(rectify.leaky_relu(x, alpha=bias, bias=bias), forward(Function(bias), x, bias=bias))
    out = np.empty_like(x)
    assert rectify.relu(x, out=out) is out
    y, mask = rectify.relu6(x, return_mask=True)
    assert_same(mask.unpack(), ((x > 0) & (x < 6)).astype(np.uint8))
    with pytest.raises(TypeError, match="alpha"):
        rectify.leaky_relu(x)
    with pytest.raises(TypeError, match="alpha"):
        rectify.relu(x, alpha=0.1)


def layouts(shape, dtype=np.float32):
    """Arrays of eighths in other orders and with gaps; the last is broadcast."""
    x = eighths(15, shape, dtype)
    wide = eighths(16, (*shape[:-1], 2 * shape[-1] + 1), dtype)
    return {"C": x, "F": np.asfortranarray(x), "channels last": np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1),
            "slice": wide[..., 1::2], "rows": eighths(17, (2 * shape[0], *shape[1:]), dtype)[::2],
            "broadcast": np.broadcast_to(eighths(18, shape[1:], dtype), shape)}


@pytest.mark.parametrize("layout", layouts(SHAPE))
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_orders_and_strides(layout, dtype):
    x, bias = layouts(SHAPE, dtype)[layout], eighths(19, CHANNELS, dtype)
    y = rectify.forward(x, alpha=0.25, bias=bias)
    assert_same(y, forward(Function(0.25), x, bias=bias))
    assert y.strides == np.empty_like(x).strides and type(y) is np.ndarray
    residual = layouts(SHAPE, dtype)["F"]
    assert_same(rectify.forward(x, residual=residual), forward(Function(), x, residual=residual))


def test_ranks_and_sizes():
    for shape in ((), (1,), (0,), (3, 0, 2), (2,) * 8, (65536,)):
        x = eighths(20, shape)
        assert_same(rectify.forward(x, alpha=0.5), forward(Function(0.5), x))
    backwards = eighths(21, (4, 1))[:, ::-1]  # the stride of one element does not count
    assert_same(rectify.forward(backwards), np.maximum(backwards, 0))
    assert rectify.forward(np.empty((3, 0), np.float32)[::-1, ::-1]).shape == (3, 0)


@every_dtype
def test_out(dtype):
    x, f = eighths(22, SHAPE, dtype), Function(0.25)
    expected = forward(f, x)
    out = np.empty_like(x)
    assert rectify.forward(x, alpha=0.25, out=out) is out
    assert_same(out, expected)
    whole = eighths(23, (5, 3, 14), dtype)
    before = whole.copy()
    rectify.forward(x, alpha=0.25, out=whole[..., ::2])
    assert_same(whole[..., ::2], expected)
    assert_same(whole[..., 1::2], before[..., 1::2])
    in_place = x.copy()
    assert rectify.forward(in_place, alpha=0.25, out=in_place) is in_place
    assert_same(in_place, expected)
    residual = x.copy()
    rectify.forward(x, residual=residual, out=residual)
    assert_same(residual, forward(Function(), x, residual=x))


def test_subclasses_and_read_only_inputs(tmp_path):
    x = eighths(24, SHAPE)
    x.flags.writeable = False
    assert_same(rectify.forward(x, residual=x), forward(Function(), x, residual=x))
    x.tofile(tmp_path / "x")
    mapped = np.memmap(tmp_path / "x", np.float32, "r", shape=SHAPE)
    y = rectify.forward(mapped)
    assert_same(y, np.maximum(x, 0))
    assert type(y) is np.ndarray


def test_threads():
    inputs = [np.random.default_rng(seed).standard_normal(50000).astype(np.float32) for seed in range(8)]
    results = {}

    def work(i):
        for _ in range(20):
            results[i] = rectify.forward(inputs[i], alpha=0.25, out=results.get(i))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, x in enumerate(inputs):
        assert_same(results[i], forward(Function(0.25), x))


def test_every_public_name_has_a_docstring():
    for name in rectify.__all__:
        assert name == "__version__" or inspect.getdoc(getattr(rectify, name)), name
    assert rectify.build_info()["version"] == rectify.__version__

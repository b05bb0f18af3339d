"""What rectify.forward and rectify.backward reject: each error names the operand, what was expected and what came, and nothing is written."""

import re

import numpy as np
import pytest

import rectify
from naive import CHANNELS, DTYPES, SHAPE, eighths
from rectify import InvalidArgument, InvalidType, Mask, Unsupported

BYTES = -(-np.prod(SHAPE) // 8)


@pytest.fixture
def arrays():
    return {"x": eighths(1, SHAPE), "y": np.full(SHAPE, 7, np.float32), "bias": eighths(2, CHANNELS)}


def memory_of(value):
    """The bytes that an operand lies in, with its neighbours in a larger array."""
    array = value.bytes if isinstance(value, Mask) else value
    while isinstance(getattr(array, "base", None), np.ndarray):
        array = array.base
    return array.tobytes() if isinstance(array, np.ndarray) else None


def assert_rejects(error, text, function, first, **keywords):
    values = [first, *keywords.values()]
    before = [memory_of(value) for value in values]
    with pytest.raises(error, match=text) as raised:
        function(first, **keywords)
    assert raised.type is error and isinstance(raised.value, rectify.Error)
    assert [memory_of(value) for value in values] == before, "something was written"


def frozen(array):
    array.flags.writeable = False
    return array


NO_ARRAYS = ([1.0, 2.0], (1.0,), "1", {}, None, True, 0.5, np.float32(1), np.True_, b"123", memoryview(b"123"))


@pytest.mark.parametrize("bad", NO_ARRAYS, ids=lambda bad: type(bad).__name__)
def test_what_is_no_array(arrays, bad):
    x, y, kind = arrays["x"], arrays["y"], type(bad).__name__
    assert_rejects(InvalidType, rf"^x: expected an array \(of NumPy, .*\), got .*{kind}", rectify.forward, bad)
    assert_rejects(InvalidType, rf"^dy: expected an array .* got .*{kind}", rectify.backward, bad, x=x)
    if bad is None:  # an absent operand
        return
    for name in ("scale", "bias", "residual"):
        assert_rejects(InvalidType, rf"^{name}: expected an array .* got .*{kind}", rectify.forward, x, out=y, **{name: bad})
    for name in ("x", "y", "residual"):
        assert_rejects(InvalidType, rf"^{name}: expected an array .* got .*{kind}", rectify.backward, x, dx=y, **{name: bad})
    if bad is not True and not isinstance(bad, str):
        text = rf": expected an array .* got .*{kind}"
        assert_rejects(InvalidType, "^y" + text, rectify.forward, x, out=bad)
        assert_rejects(InvalidType, "^dx" + text, rectify.backward, x, x=x, dx=bad)
        assert_rejects(InvalidType, "^dalpha" + text, rectify.backward, x, x=x, dx=y, dalpha=bad)


def test_masked_arrays(arrays):
    masked = np.ma.masked_array(arrays["x"])
    for name in ("x", "residual"):
        keywords = {"x": masked} if name == "x" else {"x": arrays["x"], name: masked}
        assert_rejects(InvalidType, f"^{name}: expected an array without a mask of its own, got numpy.*MaskedArray",
                       rectify.backward, arrays["x"], dx=arrays["y"], **keywords)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64, bool, np.complex64, object, np.longdouble, "S4", "U1", "M8[s]",
                                   [("a", np.float32)]], ids=str)
def test_dtypes(arrays, dtype):
    bad, x, y = np.zeros(SHAPE, dtype), arrays["x"], arrays["y"]
    text = rf": expected dtype float16, bfloat16, float32 or float64, got {re.escape(bad.dtype.name)}$"
    for name, keywords in (("x", {}), ("residual", {"residual": bad}), ("bias", {"bias": bad}), ("alpha", {"alpha": bad}),
                           ("y", {"out": bad})):
        first = bad if name == "x" else x
        assert_rejects(InvalidType, f"^{name}" + text, rectify.forward, first, **{"out": y, **keywords})
    assert_rejects(InvalidType, "^dy" + text, rectify.backward, bad, x=bad)
    assert_rejects(InvalidType, "^dx" + text, rectify.backward, x, x=x, dx=bad)
    assert_rejects(InvalidType, "^dbias" + text, rectify.backward, x, x=x, dx=y, dbias=bad)


@pytest.mark.skipif(len(DTYPES) < 4, reason="no ml_dtypes")
def test_other_dtypes_of_ml_dtypes():
    import ml_dtypes

    for dtype in (ml_dtypes.float8_e5m2, ml_dtypes.int4):
        assert_rejects(InvalidType, f"^x: expected dtype .* got {np.dtype(dtype).name}$", rectify.forward, np.zeros(3, dtype))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_byte_order(arrays, dtype):
    swapped = np.zeros(SHAPE, dtype.newbyteorder())
    text = f": expected dtype float16, .* in native byte order, got {dtype.name} in the other"
    assert_rejects(InvalidType, "^x" + text, rectify.forward, swapped, out=arrays["y"])
    assert_rejects(InvalidType, "^y" + text, rectify.forward, arrays["x"], out=swapped)


def test_dtypes_that_differ(arrays):
    x, y = arrays["x"], arrays["y"]
    double = np.zeros(CHANNELS)
    assert_rejects(InvalidArgument, "^bias: expected dtype", rectify.forward, x, bias=double, out=y)
    assert_rejects(InvalidArgument, "^y: expected dtype", rectify.forward, x, out=y.astype(np.float16))
    assert_rejects(InvalidArgument, "^dbias: expected dtype", rectify.backward, x, x=x, dx=y, dbias=double)


def test_shapes(arrays):
    x, y = arrays["x"], arrays["y"]
    assert_rejects(InvalidArgument, "^y: expected shape", rectify.forward, x, out=y[..., :6])
    assert_rejects(InvalidArgument, "^residual: expected shape", rectify.forward, x, residual=x[:1], out=y)
    for name in ("scale", "bias", "alpha", "threshold", "max_value"):
        wrong = np.zeros(CHANNELS + 1, np.float32)
        assert_rejects(InvalidArgument, f"^{name}: expected 1 element, or 3, the extent of axis 1, got", rectify.forward, x, out=y, **{name: wrong})
        sum_name = "d" + name
        assert_rejects(InvalidArgument, f"^{sum_name}: expected 1 element, or 3, the extent of axis 1, got", rectify.backward, x, x=x, dx=y,
                       scale=arrays["bias"], **{sum_name: wrong})
    nine = np.zeros((1,) * 9, np.float32)
    assert_rejects(InvalidArgument, "^x: expected 0 to 8 axes, got 9", rectify.forward, nine)


def test_strides(arrays):
    x, y = arrays["x"], arrays["y"]
    packed = np.zeros(4, [("value", np.float32), ("other", np.int8)])["value"]
    text = r": expected strides of whole elements of 4 bytes, got \(5,\) bytes$"
    assert_rejects(InvalidArgument, "^x" + text, rectify.forward, packed, out=np.zeros(4, np.float32))
    assert_rejects(InvalidArgument, "^y" + text, rectify.forward, np.zeros(4, np.float32), out=packed)
    assert_rejects(Unsupported, "^x: expected strides from 0", rectify.forward, x[::-1], out=y)
    assert_rejects(Unsupported, "^y: expected strides from 0", rectify.forward, x, out=y[::-1])
    assert_rejects(Unsupported, "^bias: expected strides from 0", rectify.forward, x, bias=arrays["bias"][::-1], out=y)
    shifted = np.zeros(17, np.uint8)[1:].view(np.float32)
    assert_rejects(InvalidArgument, "^y: expected data aligned to 4 bytes", rectify.forward, np.zeros(4, np.float32), out=shifted)


def test_strides_of_fields_that_are_whole_elements():
    records = np.full(4, 7, [("value", np.float32), ("other", np.int32)])
    rectify.forward(np.ones(4, np.float32), out=records["value"])
    assert (records["value"] == 1).all() and (records["other"] == 7).all()


def test_memory_of_outputs(arrays):
    x, y = arrays["x"], arrays["y"]
    text = ": expected a writable array, as it is an output, got a read-only one$"
    mask = Mask(frozen(np.zeros(BYTES, np.uint8)), 1, SHAPE)
    assert_rejects(InvalidArgument, "^mask" + text, rectify.forward, x, mask=mask, out=y)
    frozen(y)
    assert_rejects(InvalidArgument, "^y" + text, rectify.forward, x, out=y)
    assert_rejects(InvalidArgument, "^dx" + text, rectify.backward, x, x=x, dx=y)
    assert_rejects(InvalidArgument, "^dresidual" + text, rectify.backward, x, x=x, dresidual=y)
    assert_rejects(InvalidArgument, "^dbias" + text, rectify.backward, x, x=x, dbias=frozen(arrays["bias"]))
    assert_rejects(InvalidArgument, "^y: ", rectify.forward, x[:4], out=x[1:])  # they overlap
    broadcast = np.lib.stride_tricks.as_strided(np.zeros(7, np.float32), SHAPE, (0, 0, 4))
    assert_rejects(InvalidArgument, "^y: ", rectify.forward, x, out=broadcast)
    assert_rejects(InvalidArgument, "^y: ", rectify.forward, x, bias=x.reshape(-1)[:CHANNELS], out=x)


def test_parameters(arrays):
    x, y = arrays["x"], arrays["y"]
    for name in ("alpha", "threshold", "max_value"):
        for bad in ("0.1", None, True, [0.1], np.True_, 1j):
            assert_rejects(InvalidType, rf"^{name}: expected a number.*, got .*{type(bad).__name__}", rectify.forward, x, out=y, **{name: bad})
        assert_rejects(InvalidArgument, f"^{name}: expected a number .*, got ", rectify.forward, x, out=y, **{name: 10**400})
        assert_rejects(InvalidArgument, f"^{name}: expected .*, got nan", rectify.backward, x, x=x, dx=y, **{name: np.nan})
    assert_rejects(InvalidArgument, "^max_value: expected a number not below threshold", rectify.forward, x, out=y, threshold=2, max_value=1)


def test_gain(arrays):
    x, y = arrays["x"], arrays["y"]
    for bad in ("2", True, [2.0], np.array(2.0), None):
        assert_rejects(InvalidType, f"^gain: expected a number, got .*{type(bad).__name__}$", rectify.forward, x, out=y, gain=bad)
    for bad in (0, -0.0, np.float32(0), np.inf, np.nan, 1e-300):
        assert_rejects(InvalidArgument, "^gain: expected a ", rectify.forward, x, out=y, gain=bad)
        assert_rejects(InvalidArgument, "^gain: expected a ", rectify.backward, x, x=x, dx=y, gain=bad)


def test_channel_axis(arrays):
    x, y, bias = arrays["x"], arrays["y"], arrays["bias"]
    for bad in (True, 1.0, "1", None):
        text = f"^channel_axis: expected an integer, got .*{type(bad).__name__}$"
        assert_rejects(InvalidType, text, rectify.forward, x, out=y, channel_axis=bad)
        assert_rejects(InvalidType, text, rectify.backward, x, x=x, dx=y, channel_axis=bad)
    for bad in (3, -4, 2**40):
        assert_rejects(InvalidArgument, "^channel_axis: expected ", rectify.forward, x, bias=bias, out=y, channel_axis=bad)
        assert_rejects(InvalidArgument, f"^channel_axis: expected .*, got {bad}$", rectify.backward, x, x=x, dx=y, dbias="channel",
                       channel_axis=bad)
    assert_rejects(InvalidArgument, "^channel_axis: expected an axis of dy, which has 0, got 1$", rectify.backward, np.zeros((), np.float32),
                   x=np.zeros((), np.float32), dbias="channel")


def test_sums(arrays):
    x, y, bias = arrays["x"], arrays["y"], arrays["bias"]
    for bad in (1, "no", 1.0, None):
        assert_rejects(InvalidType, f"^accumulate: expected True or False, got {type(bad).__name__}$", rectify.backward, x, x=x, dx=y,
                       dbias=bias, accumulate=bad)
    assert_rejects(InvalidArgument, "^dbias: expected True, False, 'channel', 'all' or an array, got 'channels'$", rectify.backward, x, x=x, dx=y,
                   dbias="channels")
    for bad in (True, "channel", "all"):
        assert_rejects(InvalidArgument, f"^dalpha: expected an array to add to, as accumulate is True, got {bad!r}$", rectify.backward, x,
                       x=x, dx=y, dbias=bias, dalpha=bad, accumulate=True)
    assert_rejects(InvalidArgument, "^(dscale|scale): ", rectify.backward, x, x=x, dx=y, dscale=True)


def test_sources(arrays):
    x, y = arrays["x"], arrays["y"]
    mask = rectify.forward(x, return_mask=True)[1]
    for sources in ({}, {"x": x, "y": x}, {"x": x, "mask": mask}, {"y": x, "mask": mask}):
        assert_rejects(InvalidArgument, "^source: expected exactly one of x, y, mask, got ", rectify.backward, x, dx=y, **sources)
    assert_rejects(InvalidArgument, "^dalpha: expected none, as the source is a mask", rectify.backward, x, mask=mask, dx=y, dalpha=True)
    assert_rejects(InvalidArgument, "^bias: expected none, as the source is a mask", rectify.backward, x, mask=mask, dx=y, bias=arrays["bias"])
    assert_rejects(InvalidArgument, "^(alpha|source|y): ", rectify.backward, x, y=x, alpha=-1, dx=y)
    with pytest.raises(InvalidArgument, match="expected"):
        rectify.backward(x, x=x, dx=False)


def test_masks(arrays):
    x, y = arrays["x"], arrays["y"]
    memory = np.zeros(2 * BYTES, np.uint8)
    for error, text, bad in (
            (InvalidType, "expected a Mask, .* got numpy.ndarray$", memory),
            (InvalidType, "expected a Mask, .* got bool$", True),
            (InvalidArgument, r"expected the shape of x, \(5, 3, 7\), got \(3, 5, 7\)$", Mask(memory, 1, (3, 5, 7))),
            (InvalidArgument, "expected 14 bytes or more.*, got 13", Mask(memory[:13], 1, SHAPE)),
            (InvalidArgument, "expected 27 bytes or more.*, got 26", Mask(memory[:26], 2, SHAPE)),
            (InvalidArgument, "expected 1 axis, got 2", Mask(memory.reshape(2, -1), 1, SHAPE)),
            (InvalidArgument, "expected contiguous bytes, got a stride of 2", Mask(memory[::2], 1, SHAPE)),
            (InvalidType, "expected dtype uint8, got float32", Mask(memory.view(np.float32), 1, SHAPE)),
            (InvalidArgument, "expected bytes in an array of NumPy, as x is, got bytearray$", Mask(bytearray(28), 1, SHAPE))):
        assert_rejects(error, "^mask: " + text, rectify.forward, x, mask=bad, out=y)
        assert_rejects(error, "^mask: " + text.replace("of x", "of dy").replace("as x", "as dy"), rectify.backward, x, mask=bad, dx=y)
    assert_rejects(InvalidArgument, "^mask: expected dtype u2, as there is a cap", rectify.forward, x, mask=Mask(memory, 1, SHAPE), out=y,
                   alpha=0.5, max_value=1)
    assert_rejects(InvalidArgument, "^dmax_value: expected a mask of dtype u2", rectify.backward, x, mask=Mask(memory, 1, SHAPE), dx=y,
                   max_value=1, dmax_value=True)


def test_streams(arrays):
    x, y = arrays["x"], arrays["y"]
    for bad in ("0", 1.5, True, object(), [1]):
        text = f"^stream: expected a cudaStream_t as an integer, or a stream of CuPy or PyTorch, got {type(bad).__name__}$"
        assert_rejects(InvalidType, text, rectify.forward, x, out=y, stream=bad)
    for bad in (-1, 2**64):
        assert_rejects(InvalidArgument, f"^stream: expected a cudaStream_t, got {bad}$", rectify.backward, x, x=x, dx=y, stream=bad)
    rectify.forward(x, stream=5)  # the CPU ignores it


def test_unknown_keywords(arrays):
    for function in (rectify.forward, rectify.backward, rectify.relu, rectify.empty_mask):
        with pytest.raises(TypeError, match="biass"):
            function(arrays["x"], biass=arrays["bias"])
    with pytest.raises(TypeError, match="positional"):
        rectify.forward(arrays["x"], 0.1)

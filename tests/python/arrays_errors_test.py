"""Arrays that rectify.forward and rectify.backward reject. Errors name the operand, what was expected and what came."""

import re

import numpy as np
import pytest
import rectify
from rectify import InvalidArgument, InvalidType, Mask, Unsupported

from naive import CHANNELS, DTYPES, SHAPE, assert_same, eighths
from rejections import assert_rejects

BYTES = -(-np.prod(SHAPE) // 8)


@pytest.fixture
def arrays():
    return {"x": eighths(1, SHAPE), "y": np.full(SHAPE, 7, np.float32), "bias": eighths(2, CHANNELS)}


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
        assert_rejects(
            InvalidType, rf"^{name}: expected an array .* got .*{kind}", rectify.forward, x, out=y, **{name: bad}
        )
    for name in ("x", "y", "residual"):
        assert_rejects(
            InvalidType, rf"^{name}: expected an array .* got .*{kind}", rectify.backward, x, dx=y, **{name: bad}
        )
    if bad is not True and not isinstance(bad, str):
        text = rf": expected an array .* got .*{kind}"
        assert_rejects(InvalidType, "^y" + text, rectify.forward, x, out=bad)
        assert_rejects(InvalidType, "^dx" + text, rectify.backward, x, x=x, dx=bad)
        assert_rejects(InvalidType, "^dalpha" + text, rectify.backward, x, x=x, dx=y, dalpha=bad)


def test_masked_arrays(arrays):
    masked = np.ma.masked_array(arrays["x"])
    for name in ("x", "residual"):
        keywords = {"x": masked} if name == "x" else {"x": arrays["x"], name: masked}
        assert_rejects(
            InvalidType,
            f"^{name}: expected an array without a mask of its own, got numpy.*MaskedArray",
            rectify.backward,
            arrays["x"],
            dx=arrays["y"],
            **keywords,
        )


@pytest.mark.parametrize(
    "dtype",
    [np.int32, np.uint8, np.int64, bool, np.complex64, object, np.longdouble, "S4", "U1", "M8[s]", [("a", np.float32)]],
    ids=str,
)
def test_dtypes(arrays, dtype):
    bad, x, y = np.zeros(SHAPE, dtype), arrays["x"], arrays["y"]
    text = rf": expected dtype float16, bfloat16, float32 or float64, got {re.escape(bad.dtype.name)}$"
    for name, keywords in (
        ("x", {}),
        ("residual", {"residual": bad}),
        ("bias", {"bias": bad}),
        ("alpha", {"alpha": bad}),
        ("y", {"out": bad}),
    ):
        first = bad if name == "x" else x
        assert_rejects(InvalidType, f"^{name}" + text, rectify.forward, first, **{"out": y, **keywords})
    assert_rejects(InvalidType, "^dy" + text, rectify.backward, bad, x=bad)
    assert_rejects(InvalidType, "^dx" + text, rectify.backward, x, x=x, dx=bad)
    assert_rejects(InvalidType, "^dbias" + text, rectify.backward, x, x=x, dx=y, dbias=bad)


@pytest.mark.skipif(len(DTYPES) < 4, reason="no ml_dtypes")
def test_other_dtypes_of_ml_dtypes():
    import ml_dtypes

    for dtype in (ml_dtypes.float8_e5m2, ml_dtypes.int4):
        assert_rejects(
            InvalidType, f"^x: expected dtype .* got {np.dtype(dtype).name}$", rectify.forward, np.zeros(3, dtype)
        )


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
        assert_rejects(
            InvalidArgument,
            f"^{name}: expected 1 element, or 3, the extent of axis 1, got",
            rectify.forward,
            x,
            out=y,
            **{name: wrong},
        )
        sum_name = "d" + name
        assert_rejects(
            InvalidArgument,
            f"^{sum_name}: expected 1 element, or 3, the extent of axis 1, got",
            rectify.backward,
            x,
            x=x,
            dx=y,
            scale=arrays["bias"],
            **{sum_name: wrong},
        )
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
    assert_rejects(
        InvalidArgument, "^y: expected data aligned to 4 bytes", rectify.forward, np.zeros(4, np.float32), out=shifted
    )


def test_strides_that_do_not_count():
    x = eighths(3, (4, 1))
    odd = np.lib.stride_tricks.as_strided(np.zeros(8, np.float32), (4, 1), (8, 5))  # 5 along one element
    assert_same(rectify.forward(x, out=odd), np.maximum(x, 0))


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

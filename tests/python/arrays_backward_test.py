"""rectify.backward on NumPy arrays, from x, y and masks, with every sum, against NumPy's own arithmetic, bit for bit."""

import numpy as np
import pytest

import rectify
from naive import (CHANNELS, DTYPES, FUNCTIONS, SHAPE, Function, assert_same, compute_type, eighths, fused, gradient, ids,
                   regions, sums)

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
every_function = pytest.mark.parametrize("f", FUNCTIONS, ids=ids)
SUMS = ("dscale", "dbias", "dalpha", "dthreshold", "dmax_value")


def dx_of(f, dy, x):
    c = compute_type(x.dtype)
    return gradient(f, dy.astype(c), regions(f, x.astype(c))).astype(x.dtype)


def total(terms, dtype, channels=True):
    return np.asarray(terms.sum((0, 2) if channels else None)).astype(compute_type(dtype))


@every_function
def test_all_halves(f):
    x = np.arange(2**16, dtype=np.uint16).view(np.float16)
    dy = np.random.default_rng(1).permutation(x)
    assert_same(rectify.backward(dy, x=x, **f._asdict()).dx, dx_of(f, dy, x))


@every_dtype
@every_function
def test_every_source(dtype, f):
    x, dy = np.random.default_rng(2).standard_normal((2, *SHAPE)).astype(dtype)
    x[0, 0, :5] = np.array([np.nan, np.inf, -np.inf, -0.0, 0.75]).astype(dtype)
    dy[0, 1, :3] = np.array([np.inf, np.nan, -0.0]).astype(dtype)
    expected = dx_of(f, dy, x)
    y, mask = rectify.forward(x, return_mask=True, **f._asdict())
    for bits in (mask, rectify.empty_mask(x, bits=2)):
        rectify.forward(x, mask=bits, **f._asdict())
        gradients = rectify.backward(dy, mask=bits, **f._asdict())
        assert_same(gradients.dx, expected)
        assert gradients[1:] == (None,) * 6
    assert_same(rectify.backward(dy, x=x, **f._asdict()).dx, expected)
    if f.alpha >= 0:  # else the region cannot be told from y
        assert_same(rectify.backward(dy, y=y, **f._asdict()).dx, expected)


@every_dtype
@every_function
def test_operands(dtype, f):
    x, dy, residual = (eighths(seed, SHAPE, dtype) for seed in (3, 4, 5))
    scale, bias = eighths(6, CHANNELS, dtype), eighths(7, CHANNELS, dtype)
    operands = {"scale": scale, "bias": bias, "residual": residual}
    requested = {name: True for name in ("dresidual", *SUMS)}
    gradients = rectify.backward(dy, x=x, gain=-2, **f._asdict(), **operands, **requested)
    c, terms = compute_type(dtype), sums(f, dy, x, gain=-2, **operands)
    assert_same(gradients.dx, (terms["dbias"] * scale.astype(c)[:, None]).astype(dtype))
    assert_same(gradients.dresidual, terms["dbias"].astype(dtype))
    for name in SUMS:
        assert_same(getattr(gradients, name), total(terms[name], dtype, channels=name in ("dscale", "dbias")))


@every_dtype
def test_parameter_arrays(dtype):
    x, dy = eighths(8, SHAPE, dtype), eighths(9, SHAPE, dtype)
    alpha, threshold = eighths(10, (1, CHANNELS, 1), dtype), eighths(11, (), dtype)
    f = Function(alpha, threshold, np.asarray(threshold + 1).astype(dtype))
    terms = sums(f, dy, x)
    gradients = rectify.backward(dy, x=x, **f._asdict(), dalpha=True, dthreshold=True, dmax_value="channel", dbias="all")
    assert_same(gradients.dx, terms["dbias"].astype(dtype))
    assert_same(gradients.dalpha, total(terms["dalpha"], dtype).reshape(1, CHANNELS, 1))
    assert_same(gradients.dthreshold, total(terms["dthreshold"], dtype, channels=False))
    assert_same(gradients.dmax_value, total(terms["dmax_value"], dtype))
    assert_same(gradients.dbias, total(terms["dbias"], dtype, channels=False))


@every_dtype
def test_shapes_of_sums(dtype):
    x, dy, f = eighths(12, SHAPE, dtype), eighths(13, SHAPE, dtype), Function(0.25, 0, 1)
    scale = eighths(14, (1, CHANNELS, 1), dtype)
    terms = sums(f, dy, x, scale=scale)
    for request, channels in (("channel", True), ("all", False)):
        got = rectify.backward(dy, x=x, scale=scale, **f._asdict(), dx=False, **{name: request for name in SUMS})
        assert got.dx is None
        for name in SUMS:
            assert_same(getattr(got, name), total(terms[name], dtype, channels))
    got = rectify.backward(dy, x=x, scale=scale, **f._asdict(), dscale=True, dalpha=True, dbias=True)
    assert (got.dscale.shape, got.dalpha.shape, got.dbias.shape) == ((1, CHANNELS, 1), (), ())
    given = {name: np.full((1, CHANNELS, 1), 7, compute_type(dtype)) for name in SUMS}
    got = rectify.backward(dy, x=x, scale=scale, **f._asdict(), dx=None, **given)
    for name in SUMS:
        assert getattr(got, name) is given[name]
        assert_same(given[name].reshape(-1), total(terms[name], dtype))


@pytest.mark.parametrize("axis", [0, 2, -1, -3])
def test_channel_axis(axis):
    x, dy, alpha = eighths(15, SHAPE), eighths(16, SHAPE), eighths(17, SHAPE[axis])
    terms = sums(Function(alpha), dy, x, axis=axis)
    others = tuple(i for i in range(3) if i != axis % 3)
    got = rectify.backward(dy, x=x, alpha=alpha, channel_axis=axis, dalpha=True, dbias="channel")
    assert_same(got.dx, terms["dbias"])
    assert_same(got.dalpha, terms["dalpha"].sum(others))
    assert_same(got.dbias, terms["dbias"].sum(others))


@every_dtype
def test_accumulate(dtype):
    x, dy, old = eighths(18, SHAPE, dtype), eighths(19, SHAPE, dtype), eighths(20, CHANNELS, compute_type(dtype))
    dbias, dalpha = old.copy(), np.ones((), compute_type(dtype))
    terms = sums(Function(0.25), dy, x)
    for step in (1, 2):
        got = rectify.backward(dy, x=x, alpha=0.25, dbias=dbias, dalpha=dalpha, accumulate=np.bool_(True))
        assert got.dbias is dbias and got.dalpha is dalpha
        assert_same(dbias, old + step * total(terms["dbias"], dtype))
        assert_same(dalpha, total(1 + step * terms["dalpha"].sum(), dtype, channels=False))
    assert_same(rectify.backward(dy, x=x, alpha=0.25, dbias=dbias).dbias, total(terms["dbias"], dtype))


def test_sums_from_masks_and_y():
    x, dy, bias, f = eighths(21, SHAPE), eighths(22, SHAPE), eighths(23, CHANNELS), Function(0.25, 0.125, 1)
    terms = sums(f, dy, x, bias=bias)
    mask = rectify.empty_mask(x, bits=2)
    y = rectify.forward(x, bias=bias, mask=mask, **f._asdict())
    for source in ({"mask": mask}, {"y": y}, {"y": y, "bias": bias}):
        requested = {name: "channel" for name in ("dbias", "dthreshold", "dmax_value")}
        got = rectify.backward(dy, **source, **f._asdict(), dresidual="mask" in source, **requested)
        assert_same(got.dx, terms["dbias"])
        for name in requested:
            assert_same(getattr(got, name), total(terms[name], np.float32))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_orders_and_outputs(dtype):
    x, dy, f = np.asfortranarray(eighths(24, SHAPE, dtype)), eighths(25, SHAPE, dtype).transpose(2, 1, 0).copy().T, Function(0.5)
    expected = dx_of(f, dy, x)
    got = rectify.backward(dy, x=x, alpha=0.5, dresidual=True).dx
    assert_same(got, expected)
    assert got.strides == dy.strides
    wide = np.full((5, 3, 14), 7, dtype)
    dx = wide[..., 1::2]
    assert rectify.backward(dy, x=x, alpha=0.5, dx=dx).dx is dx
    assert_same(dx, expected)
    assert (wide[..., ::2].astype(np.float32) == 7).all()
    in_place, residual = dy.copy(), eighths(26, SHAPE, dtype)
    z = fused(x, residual=residual)
    got = rectify.backward(in_place, x=x, residual=residual, alpha=0.5, dx=False, dresidual=in_place)
    assert got.dresidual is in_place
    assert_same(in_place, gradient(f, dy.astype(z.dtype), regions(f, z)).astype(dtype))
    source = x.copy(order="K")
    rectify.backward(dy, x=source, alpha=0.5, dx=source)
    assert_same(source, expected)


def test_sums_of_broadcast_and_empty_gradients():
    x, one = eighths(27, SHAPE), np.ones((), np.float32)
    got = rectify.backward(np.broadcast_to(one, SHAPE), x=x, dbias="channel")
    assert_same(got.dbias, (x > 0).sum((0, 2)).astype(np.float32))
    assert_same(got.dx, (x > 0).astype(np.float32))
    got = rectify.backward(np.empty((0, 3), np.float32), x=np.empty((0, 3), np.float32), dbias="channel", dalpha="all")
    assert_same(got.dbias, np.zeros(3, np.float32))
    assert_same(got.dalpha, np.zeros((), np.float32))


def test_sums_are_the_same_with_any_other_output():
    x, dy = np.random.default_rng(28).standard_normal((2, 64, 30, 64)).astype(np.float32)
    alone = rectify.backward(dy, x=x, alpha=0.1, dx=False, dbias="channel").dbias
    beside = rectify.backward(dy, x=x, alpha=0.1, dbias="channel", dalpha="channel", dresidual=True).dbias
    assert_same(beside, alone)
    reference = sums(Function(0.1), dy, x)["dbias"].astype(np.float64)
    np.testing.assert_allclose(alone, reference.sum((0, 2)), atol=1e-5 * np.abs(reference).sum((0, 2)).max())

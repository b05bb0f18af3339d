"""The formulas of docs/semantics.md in NumPy, one operation at a time, as the reference for the tests of arrays."""

import math
from typing import NamedTuple

import numpy as np


class Function(NamedTuple):
    alpha: float = 0.0
    threshold: float = 0.0
    max_value: float = math.inf


FUNCTIONS = (Function(), Function(0.25), Function(0, 0, 1), Function(-0.5, 0.125, 0.75))
SHAPE, CHANNELS = (5, 3, 7), 3


def ids(function):
    return "alpha {} threshold {} max {}".format(*function)


def compute_type(dtype):
    return np.float64 if np.dtype(dtype) == np.float64 else np.float32


def eighths(seed, shape, dtype=np.float32):
    """Multiples of 1/8 up to 2, so that kinks are hit and sums are exact."""
    return np.asarray(np.random.default_rng(seed).integers(-16, 17, shape) / 8).astype(dtype)


def per_channel(parameter, rank, axis=1):
    """A parameter of one element per channel, in the shape in which NumPy broadcasts it along axis `axis`."""
    if not isinstance(parameter, np.ndarray) or parameter.size == 1:
        return parameter
    return parameter.reshape([-1 if i == axis % rank else 1 for i in range(rank)])


def fused(x, scale=None, bias=None, residual=None, axis=1):
    """z; a product and a sum are exact for eighths, as in fma."""
    c = compute_type(x.dtype)
    scale, bias = (per_channel(p, x.ndim, axis) for p in (scale, bias))
    z = x.astype(c)
    z = z if scale is None else z * scale.astype(c)
    z = z if bias is None else z + bias.astype(c)
    return z if residual is None else z + residual.astype(c)


def typed(f, z, axis=1):
    """The parameters in z's dtype; those of one element per channel are broadcast."""
    return [np.asarray(per_channel(p, z.ndim, axis)).astype(z.dtype) for p in f]


def regions(f, z, axis=1):
    """0 below, 1 linear, 2 saturated."""
    _, threshold, max_value = typed(f, z, axis)
    above = np.where((max_value < np.inf) & (z >= max_value), 2, 1)
    return np.where(z > threshold, above, 0).astype(np.uint8)


@np.errstate(all="ignore")
def value(f, z, axis=1):
    alpha, threshold, max_value = typed(f, z, axis)
    below = np.where((alpha == 0) & ~np.isnan(z), z.dtype.type(0), alpha * (z - threshold))
    return np.choose(regions(f, z, axis), (below, z, np.broadcast_to(max_value, z.shape)))


@np.errstate(all="ignore")
def gradient(f, dy, region, axis=1):
    """dz for g = dy."""
    alpha = typed(f, dy, axis)[0]
    below = np.where(alpha == 0, dy.dtype.type(0), alpha * dy)
    return np.choose(region, (below, dy, np.zeros_like(dy)))


@np.errstate(all="ignore")
def forward(f, x, gain=1, axis=1, **operands):
    z = fused(x, axis=axis, **operands)
    y = value(f, z, axis)
    return (y if gain == 1 else y * z.dtype.type(gain)).astype(x.dtype)


def sums(f, dy, x, gain=1, axis=1, **operands):
    """The terms of every sum, by name."""
    z = fused(x, axis=axis, **operands)
    g = dy.astype(z.dtype) * z.dtype.type(gain)
    region, (alpha, threshold, _) = regions(f, z, axis), typed(f, z, axis)
    dz = gradient(f, g, region, axis)
    below, saturated = region == 0, region == 2
    return {"dscale": dz * x.astype(z.dtype), "dbias": dz, "dalpha": np.where(below, g * (z - threshold), 0),
            "dthreshold": np.where(below, -alpha * g, 0), "dmax_value": np.where(saturated, g, 0)}


def assert_same(got, expected):
    """Equal bit for bit, except that any NaN equals any other."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype and got.shape == expected.shape
    bits = np.dtype(f"u{got.dtype.itemsize}")
    with np.errstate(all="ignore"):
        both_nan = np.isnan(got.astype(np.float64)) & np.isnan(expected.astype(np.float64))
    same = (np.ascontiguousarray(got).view(bits) == np.ascontiguousarray(expected).view(bits)) | both_nan
    assert same.all(), f"{(~same).sum()} of {same.size} differ: {got[~same][:5]} instead of {expected[~same][:5]}"


def numpy_dtypes():
    """float16, float32, float64, and bfloat16 if ml_dtypes is installed."""
    dtypes = [np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)]
    try:
        import ml_dtypes
    except ImportError:
        return dtypes
    return dtypes + [np.dtype(ml_dtypes.bfloat16)]


DTYPES = numpy_dtypes()

"""The C ABI from Python, against numpy: forward, backward, masks, sums, and errors. RECTIFY_LIBRARY is the shared library."""
import os
import unittest

import numpy as np

from rectify_ctypes import U1, U2, Error, Rectify, Relu

rectify = Rectify(os.environ["RECTIFY_LIBRARY"])
FLOATS = (np.float16, np.float32, np.float64)
FUNCTIONS = (Relu(), Relu(alpha=0.25), Relu(max_value=1), Relu(alpha=-0.5, threshold=0.125, max_value=0.75))
SHAPE, CHANNELS = (5, 3, 7), 3


def compute_type(dtype):
    return np.float64 if dtype == np.float64 else np.float32


def regions(f, z):
    below = ~(z > f.threshold)
    return below, ~below & (z >= f.max_value)


def value(f, z):
    below, saturated = regions(f, z)
    alpha, threshold, max_value = (z.dtype.type(v) for v in (f.alpha, f.threshold, f.max_value))
    low = alpha * (z - threshold) if f.alpha != 0 else np.zeros_like(z)
    return np.where(below, low, np.where(saturated, max_value, z))


def gradient(f, dy, z):
    below, saturated = regions(f, z)
    low = dy * z.dtype.type(f.alpha) if f.alpha != 0 else np.zeros_like(z)
    return np.where(below, low, np.where(saturated, z.dtype.type(0), dy))


def numbers(seed, shape, dtype):
    """Eighths, so that kinks are hit and sums of a few are exact."""
    return (np.random.default_rng(seed).integers(-16, 17, shape) / 8).astype(dtype)


def for_each_case(test):
    def run(self):
        for dtype in FLOATS:
            for f in FUNCTIONS:
                with self.subTest(dtype=dtype.__name__, alpha=f.alpha, threshold=f.threshold, max_value=f.max_value):
                    test(self, dtype, f)
    return run


class CApi(unittest.TestCase):
    @for_each_case
    def test_forward_with_bias_and_residual(self, dtype, f):
        x, bias, residual = numbers(1, SHAPE, dtype), numbers(2, CHANNELS, dtype), numbers(3, SHAPE, dtype)
        y = np.empty_like(x)
        rectify.forward(f, x=x, bias=bias, residual=residual, y=y)
        z = x.astype(compute_type(dtype)) + bias[:, None] + residual
        np.testing.assert_array_equal(y, value(f, z).astype(dtype))

    @for_each_case
    def test_nan_infinities_and_zeros(self, dtype, f):
        x = np.array([np.nan, np.inf, -np.inf, -0.0], dtype)
        y = np.empty_like(x)
        rectify.forward(f, x=x, y=y)
        expected = value(f, x.astype(compute_type(dtype))).astype(dtype)
        expected[0] = np.nan
        np.testing.assert_array_equal(y, expected)

    @for_each_case
    def test_mask_is_what_packbits_would_write(self, dtype, f):
        x = numbers(4, SHAPE, dtype)
        mask = rectify.new_mask(f, x)
        rectify.forward(f, x=x, mask=mask)
        below, saturated = regions(f, x)
        self.assertEqual(mask.dtype, U2 if f.alpha != 0 and np.isfinite(f.max_value) else U1)
        bits = np.unpackbits(mask.bits, bitorder="little")
        if mask.dtype == U1:
            linear = ~below & ~saturated
            np.testing.assert_array_equal(bits[:x.size].reshape(SHAPE), linear)
            np.testing.assert_array_equal(mask.bits, np.packbits(linear, bitorder="little"))
        else:
            codes = bits[:2 * x.size].reshape(*SHAPE, 2)
            np.testing.assert_array_equal(codes[..., 0], ~below & ~saturated)
            np.testing.assert_array_equal(codes[..., 1], saturated)
        self.assertFalse(bits[x.size * (mask.dtype - U1 + 1):].any(), "bits past the last element")

    @for_each_case
    def test_backward_from_x_and_from_the_mask(self, dtype, f):
        x, bias, dy = numbers(5, SHAPE, dtype), numbers(6, CHANNELS, dtype), numbers(7, SHAPE, dtype)
        mask = rectify.new_mask(f, x, bias=bias)
        rectify.forward(f, x=x, bias=bias, mask=mask)
        from_x, from_mask = np.empty_like(x), np.empty_like(x)
        rectify.backward(f, dy=dy, x=x, bias=bias, dx=from_x)
        rectify.backward(f, dy=dy, mask=mask, dx=from_mask)
        z = x.astype(compute_type(dtype)) + bias[:, None]
        np.testing.assert_array_equal(from_x, gradient(f, dy.astype(z.dtype), z).astype(dtype))
        np.testing.assert_array_equal(from_mask, from_x)

    @for_each_case
    def test_sums(self, dtype, f):
        x, scale, dy = numbers(8, SHAPE, dtype), numbers(9, CHANNELS, dtype), numbers(10, SHAPE, dtype)
        sums = {name: np.full(CHANNELS, np.nan, compute_type(dtype))
                for name in ("dscale", "dbias", "dalpha", "dthreshold", "dmax_value")}
        rectify.backward(f, dy=dy, x=x, scale=scale, **sums)
        x, dy, z = x.astype(float), dy.astype(float), x.astype(float) * scale.astype(float)[:, None]
        dz = gradient(f, dy, z)
        below, saturated = regions(f, z)
        terms = {"dscale": dz * x, "dbias": dz, "dalpha": np.where(below, dy * (z - f.threshold), 0),
                 "dthreshold": np.where(below, -f.alpha * dy, 0), "dmax_value": np.where(saturated, dy, 0)}
        for name, expected in terms.items():
            np.testing.assert_allclose(sums[name], expected.sum((0, 2)), rtol=1e-6, atol=1e-6, err_msg=name)

    @for_each_case
    def test_gain_and_accumulate(self, dtype, f):
        x, dy, gain = numbers(8, SHAPE, dtype), numbers(10, SHAPE, dtype), 2
        y, dx, dbias = np.empty_like(x), np.empty_like(x), np.full(CHANNELS, 3, compute_type(dtype))
        rectify.forward(f, x=x, y=y, gain=gain)
        rectify.backward(f, dy=dy, x=x, dx=dx, dbias=dbias, gain=gain, accumulate=True)
        dz = gradient(f, gain * dy.astype(compute_type(dtype)), x.astype(compute_type(dtype)))
        np.testing.assert_array_equal(y, (gain * value(f, x.astype(compute_type(dtype)))).astype(dtype))
        np.testing.assert_array_equal(dx, dz.astype(dtype))
        np.testing.assert_allclose(dbias, 3 + dz.sum((0, 2)), rtol=1e-6, atol=1e-6)

    def test_strides_and_another_channel_axis(self):
        x = numbers(11, (6, 4, 8), np.float32)[::2].transpose(2, 0, 1)
        y, bias = np.empty_like(x), numbers(12, 4, np.float32)
        rectify.forward(Relu(), channel_axis=-1, x=x, bias=bias, y=y)
        np.testing.assert_array_equal(y, np.maximum(x + bias, 0))

    def test_no_elements(self):
        rectify.forward(Relu(), x=np.empty((0, 3), np.float32), y=np.empty((0, 3), np.float32))

    def test_errors_say_what_and_write_nothing(self):
        x, y = numbers(13, SHAPE, np.float32), np.full(SHAPE, 7, np.float32)
        with self.assertRaisesRegex(Error, r"invalid argument: y: expected shape \[5, 3, 7\] as x, got \[5, 3\]"):
            rectify.forward(Relu(), x=x, y=y[..., 0])
        with self.assertRaisesRegex(Error, "unsupported: x: expected strides from 0 up"):
            rectify.forward(Relu(), x=x[::-1], y=y)
        with self.assertRaisesRegex(Error, "invalid argument: alpha: .*nan"):
            rectify.backward(Relu(alpha=np.nan), dy=x, x=x, dx=y)
        self.assertTrue((y == 7).all())


if __name__ == "__main__":
    unittest.main()

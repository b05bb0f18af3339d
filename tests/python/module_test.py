"""Calls of the module with arrays of NumPy: every argument reaches its operand.

(That the library computes the right bits is shown in tests/ops.)
"""

import math

import numpy as np
import pytest
from module_support import allocate, backward, forward, memory
from rectify import InvalidArgument, _rectify

SHAPE = (3, 4, 5)
RANDOM = np.random.default_rng(22)


def numbers(*shape, dtype=np.float64):
    """Small multiples of 1/8: sums and products of a few are exact, so the order of additions does not matter."""
    return (RANDOM.integers(-16, 17, shape) / 8).astype(dtype)


def along_channels(parameter):
    return parameter[None, :, None]


class Layer:
    """y = rectify(x * scale + bias + residual) * gain, with parameters per channel, and its gradients, with NumPy."""

    def __init__(self, dtype=np.float64):
        self.x, self.residual, self.dy = (
            numbers(*SHAPE, dtype=dtype),
            numbers(*SHAPE, dtype=dtype),
            numbers(*SHAPE, dtype=dtype),
        )
        self.scale, self.bias = numbers(4, dtype=dtype) + dtype(3), numbers(4, dtype=dtype)
        self.alpha, self.threshold = numbers(4, dtype=dtype), numbers(4, dtype=dtype)
        self.max_value = self.threshold + dtype(1)
        self.gain = 2.0
        self.z = self.x * along_channels(self.scale) + along_channels(self.bias) + self.residual
        self.below = ~(self.z > along_channels(self.threshold))
        self.saturated = ~self.below & (self.z >= along_channels(self.max_value))

    def parameters(self):
        names = ("scale", "bias", "alpha", "threshold", "max_value")
        return {name: getattr(self, name) for name in names}

    def operands(self):
        return dict(x=self.x, residual=self.residual, gain=self.gain, **self.parameters())

    def y(self):
        alpha, threshold, cap = (along_channels(p) for p in (self.alpha, self.threshold, self.max_value))
        value = np.where(self.below, alpha * (self.z - threshold), np.where(self.saturated, cap, self.z))
        return value * self.gain

    def gradients(self):
        g = self.dy * self.gain
        alpha, threshold = along_channels(self.alpha), along_channels(self.threshold)
        dz = np.where(self.below, alpha * g, np.where(self.saturated, 0, g))
        below, saturated = np.where(self.below, g, 0), np.where(self.saturated, g, 0)

        def channels(terms):
            return terms.sum((0, 2))

        return dict(
            dx=dz * along_channels(self.scale),
            dresidual=dz,
            dscale=channels(dz * self.x),
            dbias=channels(dz),
            dalpha=channels(below * (self.z - threshold)),
            dthreshold=channels(-alpha * below),
            dmax_value=channels(saturated),
        )

    def regions(self):
        return np.where(self.below, 0, np.where(self.saturated, 2, 1))


def packed(regions, bits):
    """A mask of regions in row-major order."""
    digits = regions.reshape(-1, 1) >> np.arange(bits) & 1
    return np.packbits(digits.astype(np.uint8).ravel(), bitorder="little")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward_takes_every_operand(dtype):
    layer = Layer(dtype)
    y, mask = np.full(SHAPE, 7, dtype), np.full(15, 255, np.uint8)
    assert forward(**layer.operands(), y=y, mask=mask, mask_bits=2) is None
    np.testing.assert_array_equal(y, layer.y())
    np.testing.assert_array_equal(mask, packed(layer.regions(), 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_backward_takes_every_operand(dtype):
    layer = Layer(dtype)
    expected = layer.gradients()
    gradients = {name: np.full(value.shape, 7, dtype) for name, value in expected.items()}
    assert backward(**layer.operands(), dy=layer.dy, **gradients, allocate=allocate) is None
    for name, value in expected.items():
        np.testing.assert_array_equal(gradients[name], value, name)


def test_sums_are_added_with_accumulate():
    layer = Layer()
    dbias = np.full(4, 100.0)
    backward(**layer.operands(), dy=layer.dy, dbias=dbias, allocate=allocate, accumulate=True)
    np.testing.assert_array_equal(dbias, 100 + layer.gradients()["dbias"])


def test_a_sum_of_one_element_is_over_everything():
    layer = Layer()
    dbias = np.empty(())
    backward(**layer.operands(), dy=layer.dy, dbias=dbias, allocate=allocate)
    assert dbias == layer.gradients()["dbias"].sum()


@pytest.mark.parametrize("bits", [1, 2])
def test_the_source_may_be_a_mask(bits):
    layer = Layer()
    cap = layer.max_value if bits == 2 else math.inf
    mask = packed(layer.regions() if bits == 2 else 1 - layer.below, bits)
    dx = np.empty(SHAPE)
    backward(dy=layer.dy, mask=mask, mask_bits=bits, alpha=layer.alpha, threshold=layer.threshold, max_value=cap, dx=dx)
    slopes = np.where(layer.below, along_channels(layer.alpha), np.where(layer.saturated & (bits == 2), 0, 1))
    np.testing.assert_array_equal(dx, slopes * layer.dy)


def test_the_source_may_be_y():
    x, dy, dx = numbers(*SHAPE), numbers(*SHAPE), np.empty(SHAPE)
    y = np.empty(SHAPE)
    forward(x=x, alpha=0.5, y=y)
    backward(dy=dy, y=y, alpha=0.5, dx=dx)
    np.testing.assert_array_equal(dx, np.where(x > 0, dy, dy / 2))


@pytest.mark.parametrize("source_is_y", [False, True])
def test_the_functions_of_numbers_alone(source_is_y):
    x, dy, y, dx = numbers(7), numbers(7), np.empty(7), np.empty(7)
    assert _rectify.relu(memory(x), memory(y), 0.5, 0.0, 1.0, None) is None
    np.testing.assert_array_equal(y, np.where(x > 0, np.minimum(x, 1), x / 2))
    source = y if source_is_y else x
    assert _rectify.relu_backward(memory(dy), memory(source), source_is_y, memory(dx), 0.5, 0.0, 1.0, None) is None
    np.testing.assert_array_equal(dx, np.where(x > 0, np.where(x >= 1, 0, dy), dy / 2))


def test_y_and_x_are_told_apart_as_the_source():
    x, dx = numbers(7), np.empty(7)
    _rectify.relu_backward(memory(x), memory(x), False, memory(dx), -0.5, 0.0, math.inf, None)
    np.testing.assert_array_equal(dx, np.where(x > 0, x, x / -2))
    with pytest.raises(InvalidArgument, match="^alpha: .* as the source is y"):
        _rectify.relu_backward(memory(x), memory(x), True, memory(dx), -0.5, 0.0, math.inf, None)


def test_numbers_may_be_ints_and_none_is_the_default():
    x, y = numbers(7), np.empty(7)
    forward(x=x, y=y, alpha=2, threshold=1, max_value=3)
    np.testing.assert_array_equal(y, np.where(x > 1, np.minimum(x, 3), 2 * (x - 1)))
    forward(x=x, y=y, alpha=None, threshold=None, max_value=None)
    np.testing.assert_array_equal(y, np.maximum(x, 0))


def test_half_types():
    x = numbers(9, dtype=np.float32)
    y = np.empty(9, np.float16)
    forward(x=x.astype(np.float16), y=y, alpha=0.5)
    np.testing.assert_array_equal(y, np.where(x > 0, x, x / 2))
    halves = (x.view(np.uint32) >> 16).astype(np.uint16)  # bfloat16 is the upper half of a float32
    y = np.empty(9, np.uint16)
    _rectify.relu(memory(halves, "bfloat16"), memory(y, "bfloat16"), 0.5, 0.0, math.inf, None)
    np.testing.assert_array_equal((y.astype(np.uint32) << 16).view(np.float32), np.where(x > 0, x, x / 2))


def test_strides_are_those_of_the_tuple():
    x, out = numbers(4, 6), np.full((6, 8), 7.0)
    y = out.T[::2, :]
    forward(x=x, y=y, alpha=0.5)
    np.testing.assert_array_equal(y, np.where(x > 0, x, x / 2))
    assert (out[:, 1::2] == 7).all()
    row_major = (x.ctypes.data, "float64", False, 0, x.shape, None, False)
    _rectify.relu(row_major, memory(y), 0.0, 0.0, math.inf, None)
    np.testing.assert_array_equal(y, np.maximum(x, 0))


def test_the_order_of_a_mask():
    x = numbers(2, 3, 4)
    for order in [(0, 1, 2), (0, 2, 1), [2, 0, 1]]:
        mask = np.empty(3, np.uint8)
        forward(x=x, alpha=0.5, mask=mask, order=order)
        np.testing.assert_array_equal(mask, packed((x > 0).transpose(order).astype(int), 1))
        dx = np.empty(x.shape)
        backward(dy=np.ones(x.shape), mask=mask, order=order, alpha=0.5, dx=dx)
        np.testing.assert_array_equal(dx, np.where(x > 0, 1, 0.5))


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,) * 8])
def test_shapes(shape):
    x, y = np.full(shape, -2.0), np.full(shape, 7.0)
    mask = np.empty((x.size + 7) // 8, np.uint8)
    forward(x=x, y=y, alpha=0.5, mask=mask, channel_axis=0)
    np.testing.assert_array_equal(y, np.full(shape, -1.0))


def test_allocate_is_called_only_for_a_workspace_and_once():
    sizes = []

    def counted(size):
        sizes.append(size)
        return allocate(size)

    x, dx, dbias = numbers(*SHAPE), np.empty(SHAPE), np.empty(4)
    backward(dy=x, x=x, dx=dx, allocate=counted)
    assert not sizes
    backward(dy=x, x=x, dbias=dbias, allocate=counted)
    assert len(sizes) == 1 and sizes[0] > 255


def test_a_workspace_may_begin_anywhere():
    x, dbias = numbers(*SHAPE), np.empty(4)
    for offset in (0, 1, 128, 255):
        kept = []

        def shifted(size, offset=offset, kept=kept):
            kept.append(np.empty(size + offset, np.uint8))
            return memory(kept[-1][offset:])

        backward(dy=x, x=x, alpha=1.0, dbias=dbias, allocate=shifted)
        np.testing.assert_array_equal(dbias, x.sum((0, 2)))


def test_the_stream_of_arrays_on_the_cpu_is_ignored():
    x, y = numbers(7), np.empty(7)
    for stream in (0, 1, 12345):
        forward(x=x, y=y, stream=stream)
        np.testing.assert_array_equal(y, np.maximum(x, 0))

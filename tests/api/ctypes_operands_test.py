"""rectify_ctypes and its operands: those that it serves beside ordinary arrays, and those that it rejects by name, with nothing written.
RECTIFY_LIBRARY is the shared library."""
import copy
import ctypes
import pickle
import re
import unittest

import numpy as np

from c_api_test import CHANNELS, SHAPE, gradient, numbers, rectify, value
from rectify_ctypes import BFLOAT16, U1, U2, Error, Forward, Mask, Relu


def memory_of(operand):
    """The bytes that an operand lies in, with its neighbours in a larger array."""
    array = operand.bits if isinstance(operand, Mask) else operand
    while isinstance(getattr(array, "base", None), np.ndarray):
        array = array.base
    return array.tobytes() if isinstance(array, np.ndarray) else None


class Operands(unittest.TestCase):
    def setUp(self):
        self.x, self.y = numbers(14, SHAPE, np.float32), np.full(SHAPE, 7, np.float32)

    def assert_rejects(self, error, text, function, relu=Relu(), **operands):
        before = {name: memory_of(operand) for name, operand in operands.items()}
        with self.assertRaisesRegex(error, text):
            function(relu, **operands)
        self.assertEqual(before, {name: memory_of(operand) for name, operand in operands.items()}, "something was written")

    def test_unknown_operands(self):
        unknown = np.zeros(CHANNELS, np.float32)
        for name in ("biass", "dx", "accumulate", "chanel_axis", "struct_size", "reserved"):
            self.assert_rejects(TypeError, f"^{name}: expected an operand of forward .*bias.*gain.*, got an unknown name",
                                rectify.forward, x=self.x, y=self.y, **{name: unknown})
        for name in ("dBias", "workspace", "workspace_bytes", "reserved_too"):
            self.assert_rejects(TypeError, f"^{name}: expected an operand of backward .*dbias.*accumulate.*, got an unknown name",
                                rectify.backward, dy=self.x, x=self.x, dx=self.y, **{name: unknown})
        with self.assertRaisesRegex(TypeError, "^biass: expected"):
            rectify.new_mask(Relu(), self.x, biass=unknown)

    def test_none_is_an_absent_operand(self):
        rectify.forward(Relu(), x=self.x, y=self.y, bias=None, mask=None, gain=None, channel_axis=None)
        np.testing.assert_array_equal(self.y, np.maximum(self.x, 0))
        rectify.backward(Relu(), dy=self.x, x=self.x, dx=self.y, dbias=None, accumulate=None)
        np.testing.assert_array_equal(self.y, np.maximum(self.x, 0))
        self.assert_rejects(Error, "x: expected a tensor, got none", rectify.forward, x=None, y=self.y)
        with self.assertRaisesRegex(Error, "x: expected a tensor, got none"):
            rectify.new_mask(Relu(), None)

    def test_fields_of_records(self):
        x, packed = numbers(15, 4, np.float32), np.zeros(4, [("value", np.float32), ("other", np.int8)])
        text = r": expected strides of whole elements of 4 bytes, got \(5,\) bytes"
        self.assert_rejects(ValueError, "^x" + text, rectify.forward, x=packed["value"], y=np.empty_like(x))
        self.assert_rejects(ValueError, "^y" + text, rectify.forward, x=x, y=packed["value"])
        whole = np.full(4, 7, [("value", np.float32), ("other", np.int32)])
        rectify.forward(Relu(), x=x, y=whole["value"])
        np.testing.assert_array_equal(whole["value"], np.maximum(x, 0))
        self.assertTrue((whole["other"] == 7).all())

    def test_data_between_elements(self):
        shifted = np.zeros(17, np.uint8)[1:].view(np.float32)
        self.assert_rejects(Error, "y: expected data aligned to 4 bytes", rectify.forward, x=numbers(15, 4, np.float32), y=shifted)

    def test_strides_of_axes_of_no_or_one_element(self):
        x = numbers(16, (4, 1), np.float32)
        packed = np.zeros((4, 1), np.float32)
        odd = np.lib.stride_tricks.as_strided(packed, strides=(4, 5))  # along one element
        for given, got in ((x[:, ::-1], np.empty_like(x)), (x, packed[:, ::-1]), (x, odd)):
            rectify.forward(Relu(), x=given, y=got)
            np.testing.assert_array_equal(got, np.maximum(x, 0))
        rectify.forward(Relu(), x=np.empty((3, 0), np.float32)[::-1, ::-1], y=np.empty((3, 0), np.float32))

    def test_read_only_outputs(self):
        def frozen(array):
            array.flags.writeable = False
            return array
        text = ": expected a writable array, as it is an output, got a read-only one"
        x, bias = frozen(self.x), frozen(numbers(17, CHANNELS, np.float32))
        self.assert_rejects(ValueError, "^y" + text, rectify.forward, x=x, y=frozen(self.y))
        self.assert_rejects(ValueError, "^y" + text, rectify.forward, x=x, y=x)
        self.assert_rejects(ValueError, "^dx" + text, rectify.backward, dy=x, x=x, dx=x)
        self.assert_rejects(ValueError, "^dbias" + text, rectify.backward, dy=x, x=x, dbias=bias)
        mask = rectify.new_mask(Relu(), x)
        rectify.forward(Relu(), x=x, bias=bias, y=np.empty_like(x), mask=mask)
        frozen(mask.bits)
        self.assert_rejects(ValueError, "^mask" + text, rectify.forward, x=x, mask=mask)
        dx = np.empty_like(x)
        rectify.backward(Relu(), dy=x, mask=mask, dx=dx)
        np.testing.assert_array_equal(dx, np.where(x + bias[:, None] > 0, x, 0))

    def test_dtypes(self):
        swapped = np.dtype(np.float32).newbyteorder()
        for dtype in (swapped, np.int32, np.uint16, bool, np.complex64, object, [("a", np.float32)]):
            bad = np.zeros(SHAPE, dtype)
            text = f": expected dtype float16, .*native byte order, got {re.escape(str(bad.dtype))}"
            self.assert_rejects(TypeError, "^x" + text, rectify.forward, x=bad, y=self.y)
            self.assert_rejects(TypeError, "^y" + text, rectify.forward, x=self.x, y=bad)

    def test_what_is_no_array(self):
        for bad in ([1, 2, 3], (1, 2, 3), 0.5, np.float32(3), "1", np.ma.masked_array(np.zeros(CHANNELS, np.float32))):
            text = f": expected a plain numpy array, got .*{type(bad).__name__}"
            self.assert_rejects(TypeError, "^bias" + text, rectify.forward, x=self.x, bias=bad, y=self.y)
            self.assert_rejects(TypeError, "^alpha" + text + r".*; a single number goes into Relu\(alpha=", rectify.forward,
                                x=self.x, alpha=bad, y=self.y)
        bits = np.zeros(self.x.size, np.uint8)
        self.assert_rejects(TypeError, "^mask: expected a Mask.* got .*ndarray", rectify.forward, x=self.x, mask=bits)
        self.assert_rejects(TypeError, "^x: expected a plain numpy array, got .*Mask", rectify.forward, x=Mask(bits, SHAPE, U1),
                            y=self.y)

    def test_arrays_of_no_axes(self):
        y = np.empty((), np.float32)
        rectify.forward(Relu(), x=np.array(-2, np.float32), alpha=np.array(0.5, np.float32), y=y)
        self.assertEqual(y, -1)

    def test_rank_9(self):
        nine = np.zeros((1,) * 9, np.float32)
        self.assert_rejects(ValueError, "^x: expected at most 8 axes, got 9", rectify.forward, x=nine, y=self.y)
        self.assert_rejects(ValueError, "^bias: expected at most 8 axes, got 9", rectify.forward, x=self.x, bias=nine, y=self.y)
        self.assert_rejects(ValueError, "^mask: expected at most 8 axes, got 9", rectify.forward, x=self.x,
                            mask=Mask(np.zeros(1, np.uint8), nine.shape, U1))
        eight = numbers(18, (2,) * 8, np.float32)
        rectify.forward(Relu(), x=eight, y=eight)

    def check_bfloat16(self, rounded, as_float):
        """`rounded` makes an array of bfloat16 from floats that it can hold, `as_float` the floats again."""
        f, x, dy = Relu(alpha=0.25), rounded(self.x), rounded(numbers(19, SHAPE, np.float32))
        y, dx, dbias, mask = np.empty_like(x), np.empty_like(x), np.empty(CHANNELS, np.float32), rectify.new_mask(f, x)
        rectify.forward(f, x=x, y=y, mask=mask)
        rectify.backward(f, dy=dy, mask=mask, dx=dx, dbias=dbias)
        expected = gradient(f, as_float(dy), self.x)
        np.testing.assert_array_equal(as_float(y), value(f, self.x))
        np.testing.assert_array_equal(as_float(dx), expected)
        np.testing.assert_array_equal(dbias, expected.sum((0, 2)))

    def test_bfloat16_as_bits(self):
        def rounded(floats):
            return (floats.view(np.uint32) >> 16).astype(np.uint16).view(BFLOAT16)

        self.check_bfloat16(rounded, lambda array: (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32))
        swapped = np.zeros(SHAPE, [("bfloat16", np.dtype(np.uint16).newbyteorder())])
        self.assert_rejects(TypeError, "^x: expected dtype float16, .*BFLOAT16", rectify.forward, x=swapped, y=swapped.copy())

    def test_bfloat16_of_ml_dtypes(self):
        try:
            import ml_dtypes
        except ImportError:
            self.skipTest("no ml_dtypes")
        self.check_bfloat16(lambda floats: floats.astype(ml_dtypes.bfloat16), lambda array: array.astype(np.float32))
        for dtype in (np.dtype(ml_dtypes.bfloat16).newbyteorder(), ml_dtypes.float8_e5m2):
            self.assert_rejects(TypeError, "^x: expected dtype float16", rectify.forward, x=np.zeros(SHAPE, dtype), y=self.y)

    def test_gain_and_accumulate_of_other_types(self):
        for bad in ("2", True, [2.0], np.array(2.0)):
            self.assert_rejects(TypeError, f"^gain: expected a number, got .*{type(bad).__name__}", rectify.forward, x=self.x,
                                y=self.y, gain=bad)
        for zero in (0, -0.0, np.float32(0)):  # which the C ABI would take for 1
            self.assert_rejects(ValueError, "^gain: expected a finite number other than 0, got 0", rectify.forward, x=self.x,
                                y=self.y, gain=zero)
        for bad in (1, 2**32, "no", 1.0):
            self.assert_rejects(TypeError, f"^accumulate: expected True or False, got .*{type(bad).__name__}", rectify.backward,
                                dy=self.x, x=self.x, dbias=np.zeros(CHANNELS, np.float32), accumulate=bad)
        dbias = np.ones(CHANNELS, np.float32)
        rectify.backward(Relu(), dy=self.x, x=self.x, dbias=dbias, gain=np.float32(2), accumulate=np.bool_(True))
        np.testing.assert_array_equal(dbias, 1 + 2 * np.maximum(self.x, 0).sum((0, 2)))

    def test_channel_axes_of_other_types(self):
        bias = numbers(20, CHANNELS, np.float32)
        for bad in (True, 1.0, "1"):
            self.assert_rejects(TypeError, f"^channel_axis: expected an integer, got .*{type(bad).__name__}", rectify.forward,
                                x=self.x, bias=bias, y=self.y, channel_axis=bad)
        for bad in (8, -9, 2**32 + 1):
            self.assert_rejects(ValueError, f"^channel_axis: expected -8 to 7, got {bad}", rectify.forward, x=self.x, bias=bias,
                                y=self.y, channel_axis=bad)
        rectify.forward(Relu(), x=self.x, bias=bias, y=self.y, channel_axis=np.int64(-2))
        np.testing.assert_array_equal(self.y, np.maximum(self.x + bias[:, None], 0))

    def test_relu(self):
        for name in ("alpha", "threshold", "max_value"):
            for bad in ("0.1", None, True, [0.1]):
                with self.assertRaisesRegex(TypeError, f"^{name}: expected a number, got .*{type(bad).__name__}"):
                    Relu(**{name: bad})
        with self.assertRaisesRegex(AttributeError, "alhpa"):
            Relu().alhpa = 0.1
        self.assert_rejects(TypeError, "^relu: expected a Relu, got .*float", rectify.forward, 0.1, x=self.x, y=self.y)
        f = Relu(np.float32(0.25), 1, np.float64(2))
        for same in (copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
            self.assertEqual((same.alpha, same.threshold, same.max_value), (0.25, 1, 2))

    def test_bits_of_masks(self):
        bits = np.zeros(28, np.uint8)  # of 105 elements: 14 bytes of u1, 27 of u2
        for error, text, bad in ((ValueError, r"expected 14 bytes for shape \[5, 3, 7\], got 13", Mask(bits[:13], SHAPE, U1)),
                                 (ValueError, r"expected 27 bytes for shape \[5, 3, 7\], got 26", Mask(bits[:26], SHAPE, U2)),
                                 (TypeError, r"expected bits in a contiguous .* strides \(2,\)", Mask(bits[::2], SHAPE, U1)),
                                 (TypeError, "expected bits in .*uint8, got bool", Mask(bits.astype(bool), SHAPE, U1)),
                                 (TypeError, "expected bits in .*uint8, got .*bytes", Mask(bytes(28), SHAPE, U1)),
                                 (ValueError, r"expected U1 \(5\) or U2 \(6\), got 3", Mask(bits, SHAPE, 3))):
            self.assert_rejects(error, "^mask: " + text, rectify.forward, x=self.x, mask=bad)

    def test_new_mask_takes_what_forward_takes(self):
        alpha, f = numbers(21, SHAPE[2], np.float32), Relu(max_value=1)
        mask = rectify.new_mask(f, self.x, alpha=alpha, channel_axis=2, y=self.y, gain=2)
        self.assertEqual(mask.dtype, U2)
        rectify.forward(f, x=self.x, alpha=alpha, channel_axis=2, y=self.y, gain=2, mask=mask)
        self.assert_rejects(TypeError, "^x: expected a plain numpy array, got .*list", rectify.new_mask, x=[1.0])

    def test_arrays_that_nothing_else_holds(self):
        y = np.full((7, 6), 7, np.float32)
        rectify.forward(Relu(), x=numbers(22, (6, 7), np.float32)[::2].T, bias=numbers(23, 3, np.float32), y=y[:, ::2])
        x, bias = numbers(22, (6, 7), np.float32)[::2].T, numbers(23, 3, np.float32)
        np.testing.assert_array_equal(y[:, ::2], np.maximum(x + bias, 0))
        self.assertTrue((y[:, 1::2] == 7).all())

    def test_a_library_older_than_the_struct(self):
        class Later(Forward):
            _fields_ = [("more", ctypes.c_int64)]

        operands = Later(struct_size=ctypes.sizeof(Later), more=1)
        text = f"unsupported: operands.struct_size: expected {ctypes.sizeof(Forward)}, or zeros from there on, got {ctypes.sizeof(Later)}"
        with self.assertRaisesRegex(Error, text):
            rectify.check(rectify.c.rectify_forward(Relu(), operands, None))


if __name__ == "__main__":
    unittest.main()

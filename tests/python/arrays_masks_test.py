"""Masks of NumPy arrays: their bits and orders, those of the caller, and what a Mask rejects."""

import copy
import math
import pickle

import numpy as np
import pytest

import rectify
from naive import DTYPES, FUNCTIONS, SHAPE, assert_same, eighths, fused, ids, regions


def bits_of(mask):
    """The codes of the elements in the mask's order, and the bits after the last one."""
    bits = np.unpackbits(mask.bytes, bitorder="little")
    used = math.prod(mask.shape) * mask.bits
    codes = bits[:used].reshape(-1, mask.bits)
    return codes @ (1, 2)[: mask.bits], bits[used:]


@pytest.mark.parametrize("f", FUNCTIONS, ids=ids)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_bits(f, dtype):
    x, bias = eighths(1, SHAPE, dtype), eighths(2, SHAPE[1], dtype)
    expected = regions(f, fused(x, bias=bias))
    for bits in (None, 1, 2):
        narrowest = 2 if f.alpha != 0 and f.max_value < np.inf else 1
        if bits == 1 and narrowest == 2:
            continue
        mask = rectify.empty_mask(x, alpha=f.alpha, max_value=f.max_value, bits=bits)
        y, same = rectify.forward(x, bias=bias, mask=mask, return_mask=True, **f._asdict())
        assert same is mask and mask.bits == (bits or narrowest) and mask.bytes.dtype == np.uint8
        codes = expected if mask.bits == 2 else (expected == 1).astype(np.uint8)
        stored, rest = bits_of(mask)
        assert_same(stored.astype(np.uint8), codes.reshape(-1))
        assert not rest.any() and mask.bytes.size == -(-x.size * mask.bits // 8)
        assert_same(mask.unpack(), codes)
        assert_same(y, rectify.forward(x, bias=bias, **f._asdict()))
        assert_same(rectify.forward(x, bias=bias, mask=mask, **f._asdict()), y)


def test_width():
    x, one = eighths(3, SHAPE), np.ones(1, np.float32)
    for operands, bits in (({}, 1), ({"alpha": 0.1}, 1), ({"max_value": 1}, 1), ({"alpha": 0.1, "max_value": 1}, 2),
                           ({"alpha": one}, 1), ({"max_value": one}, 1), ({"alpha": one, "max_value": 1}, 2),
                           ({"alpha": 0.1, "max_value": one}, 2), ({"alpha": 0.1, "max_value": np.float32(np.inf)}, 1)):
        assert rectify.empty_mask(x, **operands).bits == bits, operands
        mask = rectify.forward(x, **operands, return_mask=True)[1]
        assert mask.bits == bits, operands
        assert_same(rectify.backward(x, mask=mask, **operands).dx, rectify.backward(x, x=x, **operands).dx)


def arrays():
    x = eighths(4, (4, 3, 1, 5))
    return {"row-major": (x, None), "F": (np.asfortranarray(x), (2, 3, 1, 0)),
            "channels last": (np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1), (2, 0, 3, 1)), "slice": (x[::2], None),
            "swapped slice": (eighths(5, (5, 1, 3, 8)).transpose(3, 2, 1, 0)[::2], (2, 3, 1, 0))}


@pytest.mark.parametrize("name", arrays())
def test_order_is_that_of_x(name):
    x, order = arrays()[name]
    y, mask = rectify.forward(x, return_mask=True)
    assert mask.order == order and rectify.empty_mask(x).order == order and mask.shape == x.shape
    assert_same(mask.unpack(), (x > 0).astype(np.uint8))
    stored = bits_of(mask)[0].astype(np.uint8)
    assert_same(stored, (x.transpose(order or range(4)) > 0).reshape(-1).astype(np.uint8))
    assert_same(rectify.backward(np.ones(x.shape, np.float32), mask=mask).dx, (x > 0).astype(np.float32))


def test_order_of_broadcast_arrays():
    x = np.broadcast_to(eighths(6, 7), SHAPE)
    assert rectify.empty_mask(x).order is None
    mask = rectify.forward(x, return_mask=True)[1]
    assert_same(mask.unpack(), (x > 0).astype(np.uint8))
    out = np.empty(SHAPE, np.float32)
    assert rectify.forward(np.asfortranarray(x), out=out, return_mask=True)[1].order is None


def test_empty_arrays_and_rank_0():
    for shape, stored in (((), 1), ((0,), 0), ((3, 0), 0)):
        x = np.ones(shape, np.float32)
        mask = rectify.forward(x, return_mask=True)[1]
        assert mask.bytes.shape == (stored,)
        assert_same(mask.unpack(), np.ones(shape, np.uint8))
        assert_same(rectify.backward(x, mask=mask).dx, x)


def test_masks_in_memory_of_the_caller():
    x = eighths(7, SHAPE)
    buffer = np.full(100, 255, np.uint8)
    mask = rectify.Mask(buffer[3:], 1, list(SHAPE), order=[2, 1, 0])  # longer than needed, at any address
    rectify.forward(x, mask=mask)
    assert_same(mask.unpack(), (x > 0).astype(np.uint8))
    assert (buffer[:3] == 255).all() and (buffer[3 + 14:] == 255).all()
    buffer.flags.writeable = False
    frozen = rectify.Mask(buffer[3:], 1, SHAPE, (2, 1, 0))
    assert_same(rectify.backward(x, mask=frozen).dx, np.maximum(x, 0))


def test_repr_pickle_and_copy():
    mask = rectify.forward(np.asfortranarray(eighths(8, SHAPE)), return_mask=True)[1]
    assert repr(mask) == "Mask(bits=1, shape=(5, 3, 7), order=(2, 1, 0), bytes=14 in a numpy.ndarray)"
    for same in (pickle.loads(pickle.dumps(mask)), copy.deepcopy(mask)):
        assert_same(same.unpack(), mask.unpack())
    with pytest.raises(AttributeError):
        mask.dtype = np.uint8


def test_what_a_mask_rejects():
    memory = np.zeros(14, np.uint8)
    for error, text, arguments in (
            (rectify.InvalidArgument, "^mask.bits: expected 1 or 2, got 3$", (memory, 3, SHAPE)),
            (rectify.InvalidType, "^mask.bits: expected an integer, got float$", (memory, 1.0, SHAPE)),
            (rectify.InvalidArgument, r"^mask.order: expected the axes 0 to 2, .*got \(0, 1\)$", (memory, 1, SHAPE, (0, 1))),
            (rectify.InvalidArgument, r"^mask.order: expected .*got \(0, 1, 1\)$", (memory, 1, SHAPE, (0, 1, 1)))):
        with pytest.raises(error, match=text):
            rectify.Mask(*arguments)


def test_what_empty_mask_rejects():
    x = eighths(9, SHAPE)
    for error, text, first, keywords in (
            (rectify.InvalidType, "^x: expected an array .*got list$", [1.0], {}),
            (rectify.InvalidType, "^alpha: expected a number or an array .*got str$", x, {"alpha": "0.1"}),
            (rectify.InvalidType, "^max_value: expected a number or an array .*got NoneType$", x, {"max_value": None}),
            (rectify.InvalidArgument, "^mask.bits: expected 1 or 2, got 8$", x, {"bits": 8}),
            (rectify.InvalidType, "^bits: expected an integer, got bool$", x, {"bits": True})):
        with pytest.raises(error, match=text):
            rectify.empty_mask(first, **keywords)

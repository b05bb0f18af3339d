"""The elements that every function is run on. Chosen ones come first, so that examples of differences are among them if possible."""

import numpy as np
from elements import BITS, SMALLEST_NORMAL, STORAGE, decode, encode, neighbours

SUBNORMAL = {"f16": 1e-6, "bf16": 1e-39, "f32": 1e-39, "f64": 1e-310}
# 64 elements are whole vectors in every instruction set and type, unrolled or not; a scalar loop processes the last three.
LENGTH, TAIL = 67, 3
RANDOM = 100_003
PLAIN = (-1, -3, -2, -5, -0.5, 0.5, 1, 1.5, 3, 7, -100, 100)
GRADIENTS = (-1, -0.0, 0.0, np.nan, -np.inf, 3, 0.5, -0.1, 1e-3, -7)


def chosen(relu, dtype):
    """Edge cases of the function and of the type, preferred examples first."""
    _, threshold, cap = relu
    kinks = [threshold] + ([] if cap is None else [cap])
    tiny, normal = SUBNORMAL[dtype], SMALLEST_NORMAL[dtype]
    largest = decode(neighbours(np.inf, dtype)[:1], dtype)[0]
    numbers = [np.nan, -np.inf, -0.0, 0.0, *kinks, *PLAIN, np.inf, tiny, -tiny, normal, -normal, 8 * normal, -8 * normal]
    numbers += [largest, -largest, 0.75 * largest, -0.75 * largest]
    around = [pattern for kink in {0.0, *kinks} for pattern in neighbours(kink, dtype)]
    return np.concatenate([encode(numbers, dtype), np.array(around, STORAGE[dtype])])


def all_or_random(dtype):
    """Every pattern of a 16-bit type; of the others some random patterns, and as many numbers near the kinks."""
    if dtype in ("f16", "bf16"):
        return np.arange(1 << 16, dtype=np.uint16).view(STORAGE[dtype])
    draw = np.random.default_rng(7)
    width = 8 * BITS[dtype]().itemsize
    patterns = draw.integers(0, 1 << width, RANDOM, dtype=BITS[dtype], endpoint=False).view(STORAGE[dtype])
    patterns[::2] = encode(4 * draw.standard_normal(len(patterns[::2])), dtype)
    return patterns


def arrays(relu, dtype):
    """The elements to run on. The chosen elements are repeated in rotated order, so that each is in the tail once."""
    edges = chosen(relu, dtype)
    assert len(edges) <= LENGTH
    some = np.random.default_rng(3).standard_normal(LENGTH - len(edges))
    row = np.concatenate([edges, encode(some, dtype)])
    turns = range(0, LENGTH, TAIL)
    return [*(np.roll(row, -turn) for turn in turns), all_or_random(dtype)]


def gradients(x, dtype, turn):
    """The dy of an array: 1, inf, and a mixture that gives a repeated element another dy each time."""
    special = encode([*GRADIENTS, SUBNORMAL[dtype], -SUBNORMAL[dtype]], dtype)
    mixed = np.resize(np.roll(special, turn), x.size)
    return [np.full_like(x, encode([1.0], dtype)[0]), np.full_like(x, encode([np.inf], dtype)[0]), mixed]


def one(number, dtype="f32"):
    return encode([number], dtype)[0]


def questions(relu):
    """The columns of the tables of special values, in f32: (y or dx, x, dy)."""
    _, threshold, cap = relu
    of_y = [("y", x, 1) for x in (np.nan, -np.inf, -0.0)]
    return of_y + [("dx", np.nan, 1), ("dx", -1, np.inf), ("dx", threshold, 1), ("dx", threshold if cap is None else cap, 1)]

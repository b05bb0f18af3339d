"""Numbers of the four types as numpy arrays (bf16 as the uint16 of its bits) and as text."""

import numpy as np

STORAGE = {"f16": np.float16, "bf16": np.uint16, "f32": np.float32, "f64": np.float64}
BITS = {"f16": np.uint16, "bf16": np.uint16, "f32": np.uint32, "f64": np.uint64}
SMALLEST_NORMAL = {"f16": 2.0**-14, "bf16": 2.0**-126, "f32": 2.0**-126, "f64": 2.0**-1022}
DIGITS = {"f16": 5, "bf16": 4, "f32": 9, "f64": 17}  # significant digits that distinguish all numbers
LONG = 14


def decode(array, dtype):
    """The numbers as f64, in which all are exact."""
    if dtype == "bf16":
        array = (array.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(invalid="ignore"):
        return array.astype(np.float64)


def encode(numbers, dtype):
    """Rounds to nearest even; a number beyond the range of the type becomes an infinity."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        if dtype != "bf16":
            return np.asarray(numbers, np.float64).astype(STORAGE[dtype])
        single = np.asarray(numbers, np.float64).astype(np.float32)
        wide = single.view(np.uint32).astype(np.uint64)
        rounded = ((wide + 0x7FFF + (wide >> 16 & 1)) >> 16).astype(np.uint16)
        return np.where(np.isnan(single), np.uint16(0x7FC0), rounded)


def bits(array, dtype):
    """The bit patterns, with one pattern for every NaN."""
    raw = np.ascontiguousarray(array).view(BITS[dtype])
    return np.where(np.isnan(decode(array, dtype)), encode([np.nan], dtype).view(BITS[dtype])[0], raw)


def is_tiny(array, dtype):
    """Whether it is subnormal, or so small that it may be a subnormal that was rounded up, which is flushed too."""
    numbers = np.abs(decode(array, dtype))
    return (numbers <= SMALLEST_NORMAL[dtype]) & (numbers > 0)


def neighbours(number, dtype):
    """The next numbers of the type below and above a finite one."""
    middle = encode([number], dtype)
    ordered = int(middle.view(BITS[dtype])[0])
    width = 8 * BITS[dtype]().itemsize
    sign = 1 << (width - 1)
    ordered = sign - ordered if ordered & sign else ordered
    around = [step + ordered for step in (-1, 1)]
    patterns = [sign - at if at < 0 else at for at in around]
    return np.array(patterns, BITS[dtype]).view(STORAGE[dtype])


def text(number, dtype):
    """The shortest decimal that the type reads as this number; for 16-bit types the exact one, if it is not long."""
    number = float(number)
    if np.isnan(number):
        return "NaN"
    if np.isinf(number) or number == 0:
        return {np.inf: "inf", -np.inf: "-inf"}.get(number, "-0.0" if np.signbit(number) else "0")
    if dtype == "f32":
        shortest = str(np.float32(number))
    else:
        shortest = repr(number)
        if dtype != "f64" and len(shortest) > LONG:
            shortest = f"{number:.{DIGITS[dtype]}g}"
    return shortest.removesuffix(".0").replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def number(spelled):
    """Reads the text that text() wrote."""
    return float(spelled)

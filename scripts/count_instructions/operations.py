"""Computes PTX instructions. Integers, on which control flow depends, are exact; floating point is rounded as numpy does."""

import numpy as np

from ptx import size_of

COMPARE = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "lo": np.less, "ls": np.less_equal, "hi": np.greater, "hs": np.greater_equal,
}  # fmt: skip
UNORDERED = {"equ": "eq", "neu": "ne", "ltu": "lt", "leu": "le", "gtu": "gt", "geu": "ge"}
SMALL_FLOATS = ("f16", "bf16", "f16x2", "bf16x2")


def _put(target, value, where):
    np.copyto(target, value, where=where, casting="unsafe")


def bf16_bits(numbers):
    """Converts f32 to the bits of bf16, rounded to nearest even."""
    bits = numbers.astype(np.float32).view(np.uint32)
    return ((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype(np.uint16)


def _small_numbers(bits, kind):
    """Converts 16-bit floats, or pairs of them, to an array [thread, 1 or 2] of f32."""
    parts = np.ascontiguousarray(bits).view(np.uint16).reshape(len(bits), -1)
    if kind.startswith("bf16"):
        return (parts.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return parts.view(np.float16).astype(np.float32)


def _small_bits(numbers, kind):
    """Converts f32 to 16-bit floats, or pairs of them."""
    bits = bf16_bits(numbers) if kind.startswith("bf16") else numbers.astype(np.float16).view(np.uint16)
    return np.ascontiguousarray(bits).view(np.uint32 if numbers.shape[1] == 2 else np.uint16)[:, 0]


def _computed(function):
    """An instruction that is a function of its operands, which all have the instruction's type."""

    def make(decoder, instruction):
        kind = instruction.kind
        target, sources = decoder.target(instruction.operands[0], kind), decoder.sources(instruction, kind)
        if kind in SMALL_FLOATS:
            numbers = lambda: [_small_numbers(source, kind) for source in sources]  # noqa: E731
            return lambda where: _put(target, _small_bits(function(*numbers()), kind), where)
        if isinstance(function, np.ufunc) and target.dtype == sources[0].dtype:
            return lambda where: function(*sources, out=target, where=where)
        return lambda where: _put(target, function(*sources), where)

    return make


def _truncating(function):
    """Division. That of integers rounds towards zero."""

    def make(decoder, instruction):
        target, (a, b) = (
            decoder.target(instruction.operands[0], instruction.kind),
            decoder.sources(instruction, instruction.kind),
        )
        if target.dtype.kind == "f":
            return lambda where: np.divide(a, b, out=target, where=where)
        return lambda where: _put(target, function(a, b), where)

    return make


def _quotient(a, b):
    down = a // b
    return down + ((down * b != a) & ((a < 0) != (b < 0))).astype(a.dtype) if a.dtype.kind == "i" else down


def _multiply(decoder, instruction):
    """mul.lo, mul.hi, mul.wide and products of floats; mad and fma, which add a third operand."""
    kind, adds = instruction.kind, instruction.name in ("mad", "fma")
    if kind[0] in "fb":
        return _computed((lambda a, b, c: a * b + c) if adds else np.multiply)(decoder, instruction)
    a, b = (decoder.source(text, kind) for text in instruction.operands[1:3])
    wide = f"{a.dtype.kind}{2 * a.dtype.itemsize}" if a.dtype.itemsize < 8 else object
    if "wide" in instruction.opcode:
        form = kind[0] + str(2 * int(kind[1:]))
        product = lambda: np.multiply(a, b, dtype=wide)  # noqa: E731
    elif "hi" in instruction.opcode:
        form, bits = kind, 8 * a.dtype.itemsize
        product = lambda: (a.astype(wide) * b.astype(wide) >> bits).astype(a.dtype)  # noqa: E731
    else:
        form = kind
        product = lambda: a * b  # noqa: E731
    target = decoder.target(instruction.operands[0], form)
    if adds:
        c = decoder.source(instruction.operands[3], form)
        return lambda where: _put(target, product() + c, where)
    return lambda where: _put(target, product(), where)


def _shift(function):
    def make(decoder, instruction):
        kind = instruction.kind
        target, a = decoder.target(instruction.operands[0], kind), decoder.source(instruction.operands[1], kind)
        by, most = decoder.source(instruction.operands[2], "u32"), 8 * a.dtype.itemsize
        return lambda where: _put(target, _shifted(function, a, by, most), where)

    return make


def _shifted(function, a, by, bits):
    """Shifts. By a register's width or more they give 0, or the sign."""
    result = function(a, np.minimum(by, bits - 1).astype(a.dtype))
    gone = by >= bits
    if gone.any() and (a.dtype.kind == "u" or function is np.left_shift):
        result[gone] = 0
    return result


def _mov(decoder, instruction):
    kind = instruction.kind
    to, source = instruction.operands
    if to.startswith("{"):  # a register to its parts
        part = "b" + str(8 * size_of(kind) // len(to.split(",")))
        targets, whole = decoder.vector(to, part, target=True), np.ascontiguousarray(decoder.source(source, kind))
        pieces = whole.view(targets[0].dtype).reshape(len(whole), -1)
        return lambda where: [_put(target, pieces[:, i], where) for i, target in enumerate(targets)]
    target = decoder.target(to, kind)
    if source.startswith("{"):
        part = "b" + str(8 * size_of(kind) // len(source.split(",")))
        parts = decoder.vector(source, part)
        return lambda where: _put(target, np.ascontiguousarray(np.stack(parts, 1)).view(target.dtype)[:, 0], where)
    source = decoder.source(source, kind)
    return lambda where: np.copyto(target, source, where=where)


def _cvt(decoder, instruction):
    to, of = instruction.opcode[-2:]
    operands = instruction.operands
    if to in ("f16x2", "bf16x2"):  # the first operand is the high half
        high, low = (decoder.source(text, of) for text in operands[1:3])
        target = decoder.target(operands[0], "b32")
        return lambda where: _put(target, _small_bits(np.stack([low, high], 1), to), where)
    source = decoder.source(operands[1], "b16" if of in SMALL_FLOATS else of)
    target = decoder.target(operands[0], "b16" if to in SMALL_FLOATS else to)
    number = (lambda: _small_numbers(source, of)[:, 0]) if of in SMALL_FLOATS else (lambda: source)
    if to in SMALL_FLOATS:
        return lambda where: _put(target, _small_bits(number().astype(np.float32)[:, None], to), where)
    if target.dtype.kind in "iu" and of[0] in "fb" and of not in ("b8", "b16", "b32", "b64"):
        rounded = next((f for part, f in ROUND.items() if part in instruction.opcode), np.trunc)
        limits = np.iinfo(target.dtype)
        return lambda where: _put(target, np.clip(np.nan_to_num(rounded(number())), limits.min, limits.max), where)
    return lambda where: _put(target, number(), where)


ROUND = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil}


def _setp(decoder, instruction):
    relation, kind = instruction.opcode[1], instruction.kind
    combine = instruction.opcode[2] if instruction.opcode[2] in ("and", "or", "xor") else None
    first, _, second = instruction.operands[0].partition("|")
    a, b = (decoder.source(text, kind) for text in instruction.operands[1:3])
    if kind in SMALL_FLOATS:
        bits_a, bits_b, compared = a, b, _relation(relation)
        result = lambda: compared(_small_numbers(bits_a, kind)[:, 0], _small_numbers(bits_b, kind)[:, 0])  # noqa: E731
    else:
        compared = _relation(relation)
        result = lambda: compared(a, b)  # noqa: E731
    target = decoder.register(first)
    other = decoder.register(second) if second and second != "_" else None
    third = decoder.register(instruction.operands[3]) if combine else None
    if other is None and third is None:
        if isinstance(compared, np.ufunc) and kind not in SMALL_FLOATS:
            return lambda where: compared(a, b, out=target, where=where)
        return lambda where: _put(target, result(), where)

    def action(where):
        holds = result()
        with_third = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}.get(combine, lambda p, _: p)
        kept, kept_other = with_third(holds, third), with_third(~holds, third)
        _put(target, kept, where)
        if other is not None:
            _put(other, kept_other, where)

    return action


def _relation(name):
    if name in COMPARE:
        return COMPARE[name]
    if name == "num":
        return lambda a, b: ~(np.isnan(a) | np.isnan(b))
    if name == "nan":
        return lambda a, b: np.isnan(a) | np.isnan(b)
    ordered = COMPARE[UNORDERED[name]]
    return lambda a, b: ordered(a, b) | np.isnan(a) | np.isnan(b)


def _selp(decoder, instruction):
    kind = instruction.kind
    target = decoder.target(instruction.operands[0], kind)
    a, b = (decoder.source(text, kind) for text in instruction.operands[1:3])
    condition = decoder.register(instruction.operands[3])
    return lambda where: np.copyto(target, np.where(condition, a, b), where=where)


def _lop3(decoder, instruction):
    a, b, c = (decoder.source(text, "b32") for text in instruction.operands[1:4])
    target, table = decoder.target(instruction.operands[0], "b32"), int(instruction.operands[4], 0)

    def action(where):
        result = np.zeros_like(a)
        for row in range(8):
            if table >> row & 1:
                result |= (a if row & 4 else ~a) & (b if row & 2 else ~b) & (c if row & 1 else ~c)
        _put(target, result, where)

    return action


def _fields(decoder, instruction):
    """bfe and bfi."""
    kind, operands = instruction.kind, instruction.operands
    target, bits = decoder.target(operands[0], kind), np.uint64(8 * size_of(kind))
    inserts = instruction.name == "bfi"
    a = decoder.source(operands[1], kind)
    b = decoder.source(operands[2], kind) if inserts else None
    at, length = (decoder.source(text, "u32") for text in operands[-2:])

    def action(where):
        begin, count = at.astype(np.uint64) & np.uint64(255), np.minimum(length.astype(np.uint64) & np.uint64(255), bits)
        ones = _shifted(np.left_shift, np.ones_like(begin), count, 64) - np.uint64(1)
        wide = a.astype(np.int64).view(np.uint64) if a.dtype.kind == "i" else a.astype(np.uint64)
        if inserts:
            hole = _shifted(np.left_shift, ones, begin, 64)
            return _put(target, (b.astype(np.uint64) & ~hole) | (_shifted(np.left_shift, wide, begin, 64) & hole), where)
        field = _shifted(np.right_shift, wide, begin, 64) & ones
        if a.dtype.kind == "i":
            sign = _shifted(np.right_shift, field, np.maximum(count, np.uint64(1)) - np.uint64(1), 64) & np.uint64(1)
            field = np.where(sign == 1, field | ~ones, field)
        _put(target, field, where)

    return action


def _prmt(decoder, instruction):
    a, b, chosen = (decoder.source(text, "b32") for text in instruction.operands[1:4])
    target = decoder.target(instruction.operands[0], "b32")

    def action(where):
        pair = a.astype(np.uint64) | (b.astype(np.uint64) << np.uint64(32))
        result = np.zeros_like(pair)
        for i in range(4):
            code = (chosen.astype(np.uint64) >> np.uint64(4 * i)) & np.uint64(15)
            byte = (pair >> ((code & np.uint64(7)) * np.uint64(8))) & np.uint64(255)
            byte = np.where(code >= 8, (byte >> np.uint64(7)) * np.uint64(255), byte)
            result |= byte << np.uint64(8 * i)
        _put(target, result, where)

    return action


def _shf(decoder, instruction):
    low, high, by = (decoder.source(text, "u32") for text in instruction.operands[1:4])
    target, left, wraps = (
        decoder.target(instruction.operands[0], "b32"),
        "l" in instruction.opcode,
        "wrap" in instruction.opcode,
    )

    def action(where):
        pair = low.astype(np.uint64) | (high.astype(np.uint64) << np.uint64(32))
        count = (by & np.uint32(31) if wraps else np.minimum(by, np.uint32(32))).astype(np.uint64)
        _put(target, pair << count >> np.uint64(32) if left else pair >> count, where)

    return action


def _shfl(decoder, instruction):
    """Each thread takes the value of another thread of its warp, or keeps its own if there is no such thread."""
    to, _, valid = instruction.operands[0].partition("|")
    target, value = decoder.target(to, "b32"), decoder.source(instruction.operands[1], "b32")
    by, limits = (decoder.source(text, "u32").view(np.int32) for text in instruction.operands[2:4])
    flag, mode = (decoder.register(valid) if valid else None), instruction.opcode[2]
    lane = np.arange(len(value), dtype=np.int32) % 32
    first = np.arange(len(value), dtype=np.int32) - lane

    def action(where):
        clamp, segment = limits & 31, (limits >> 8) & 31
        last, least = (lane & segment) | (clamp & ~segment), lane & segment
        of = {"up": lane - by, "down": lane + by, "bfly": lane ^ by, "idx": least | (by & ~segment)}[mode]
        inside = of >= last if mode == "up" else of <= last
        _put(target, value[first + np.where(inside, of, lane)], where)
        if flag is not None:
            _put(flag, inside, where)

    return action


def _popc(decoder, instruction):
    target, a = decoder.target(instruction.operands[0], "u32"), decoder.source(instruction.operands[1], instruction.kind)
    count = lambda: np.unpackbits(np.ascontiguousarray(a).view(np.uint8).reshape(len(a), -1), axis=1).sum(1)  # noqa: E731
    return lambda where: _put(target, count(), where)


def _cvta(decoder, instruction):
    """Conversions between address spaces. Addresses are the same in all of them."""
    target, source = decoder.target(instruction.operands[0], instruction.kind), decoder.source(*instruction.operands[1:], "u64")
    return lambda where: np.copyto(target, source, where=where)


TABLE = {
    "add": _computed(np.add), "sub": _computed(np.subtract), "neg": _computed(np.negative), "abs": _computed(np.abs),
    "min": _computed(np.fmin), "max": _computed(np.fmax), "and": _computed(np.bitwise_and), "or": _computed(np.bitwise_or),
    "xor": _computed(np.bitwise_xor), "not": _computed(np.invert), "sqrt": _computed(np.sqrt), "rcp": _computed(np.reciprocal),
    "div": _truncating(_quotient), "rem": _truncating(np.fmod), "mul": _multiply, "mad": _multiply, "fma": _multiply,
    "shl": _shift(np.left_shift), "shr": _shift(np.right_shift), "mov": _mov, "cvt": _cvt, "setp": _setp, "selp": _selp,
    "lop3": _lop3, "bfe": _fields, "bfi": _fields, "prmt": _prmt, "shf": _shf, "shfl": _shfl, "popc": _popc, "cvta": _cvta,
}  # fmt: skip

"""Machine instructions of a PTX instruction, by nvcc 13.0 for sm_90. One, but for those that never become one, those of 64-bit
integers, which are pairs, and divisions, which are short programs.

Free are plain moves of registers, conversions of an address or to and from the low half of a 64-bit number, places of parameters, and
logic of predicates, which is part of the comparisons. On straight ways the sum is within 10 % of the machine code's instructions; over
whole kernels it is within 20 % for most. Where it matters, look at the machine code."""

FREE = {"cvta", "pragma"}
WIDE = ("s64", "u64", "b64")
PAIRS = {"add", "sub", "neg", "setp", "selp", "shl", "shr", "and", "or", "xor", "not"}
WIDE_COSTS = {"min": 4, "max": 4, "mul": 4, "mad": 4}
DIVISIONS = {("div", "u32"): 17, ("rem", "u32"): 17, ("div", "s32"): 23, ("rem", "s32"): 22, ("div", "f32"): 10}
NARROW_64, WIDE_64 = 26, 90  # of a 64-bit division: of numbers below 2^32, and of others


def is_wide_division(instruction):
    """Its cost depends on the numbers."""
    return instruction.name in ("div", "rem") and instruction.kind in ("s64", "u64")


def is_plain_move(instruction):
    return instruction.name == "mov" and not instruction.operands[1].startswith(("%tid", "%ctaid"))


def ptx_cost(instruction):
    """1, or 0 for what is no instruction of the machine for sure."""
    is_parameter = instruction.name == "ld" and instruction.opcode[1] == "param"
    return 0 if instruction.name in FREE or is_parameter or is_plain_move(instruction) else 1


def cost(instruction, makes_fixed_address=False):
    """Without that of a 64-bit division."""
    name, kind = instruction.name, instruction.kind
    if name in FREE or is_wide_division(instruction) or is_plain_move(instruction):
        return 0
    if makes_fixed_address or kind == "pred" or (name == "cvt" and sorted(instruction.opcode[-2:]) == ["u32", "u64"]):
        return 0
    if kind in WIDE and "wide" not in instruction.opcode:
        return WIDE_COSTS.get(name, 2 if name in PAIRS else 1)
    return DIVISIONS.get((name, kind), 1)

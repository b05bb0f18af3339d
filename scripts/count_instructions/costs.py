"""How many machine instructions a PTX instruction becomes, with nvcc 13.0 for sm_90. Most become one; those of 64-bit integers become
two, divisions become short programs, and some become none.

None: moves of registers, conversions of an address or to and from the low half of a 64-bit integer, addresses of parameters, and logic
of predicates, which is part of the comparisons. Without branches the estimate is within 10 % of the machine code, and for most whole
kernels within 20 %. If a figure matters, look at the machine code."""

FREE = {"cvta", "pragma"}
WIDE = ("s64", "u64", "b64")
PAIRS = {"add", "sub", "neg", "setp", "selp", "shl", "shr", "and", "or", "xor", "not"}
WIDE_COSTS = {"min": 4, "max": 4, "mul": 4, "mad": 4}
DIVISIONS = {("div", "u32"): 17, ("rem", "u32"): 17, ("div", "s32"): 23, ("rem", "s32"): 22, ("div", "f32"): 10}
NARROW_64, WIDE_64 = 26, 90  # machine instructions of a 64-bit division: of operands below 2^32, and of others


def is_wide_division(instruction):
    """Whether it is a 64-bit division, whose cost depends on its operands."""
    return instruction.name in ("div", "rem") and instruction.kind in ("s64", "u64")


def is_plain_move(instruction):
    return instruction.name == "mov" and not instruction.operands[1].startswith(("%tid", "%ctaid"))


def ptx_cost(instruction):
    """1, or 0 for what certainly becomes no machine instruction."""
    is_parameter = instruction.name == "ld" and instruction.opcode[1] == "param"
    return 0 if instruction.name in FREE or is_parameter or is_plain_move(instruction) else 1


def cost(instruction, makes_fixed_address=False):
    """The cost of an instruction that is not a 64-bit division."""
    name, kind = instruction.name, instruction.kind
    if name in FREE or is_wide_division(instruction) or is_plain_move(instruction):
        return 0
    if makes_fixed_address or kind == "pred" or (name == "cvt" and sorted(instruction.opcode[-2:]) == ["u32", "u64"]):
        return 0
    if kind in WIDE and "wide" not in instruction.opcode:
        return WIDE_COSTS.get(name, 2 if name in PAIRS else 1)
    return DIVISIONS.get((name, kind), 1)

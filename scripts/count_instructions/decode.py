"""Turns PTX instructions into Python functions over the registers of all threads of a block.

Each function takes `where`: the threads that execute it, or True for all. Registers are arrays;
the type of an instruction is a view of them."""

import re
import struct

import numpy as np

import operations
from costs import NARROW_64, WIDE_64, is_wide_division
from problem import Problem
from ptx import size_of

SPECIAL = [f"%{name}.{axis}" for name in ("tid", "ntid", "ctaid", "nctaid") for axis in "xyz"] + ["%laneid"]
NOTHING = (
    "membar",
    "fence",
    "prefetch",
    "prefetchu",
    "griddepcontrol",
    "nanosleep",
    "discard",
    "applypriority",
    "createpolicy",
)
SPACES = ("global", "shared", "param")


def dtype_of(kind):
    """numpy's type for .s64, .f32, ...; 16-bit floats are integers of their bits."""
    if kind == "pred":
        return np.dtype(bool)
    if kind in ("f32", "f64"):
        return np.dtype(kind[0] + str(size_of(kind)))
    return np.dtype(("i" if kind[0] == "s" else "u") + str(size_of(kind)))


def fixed_registers(kernel):
    """Registers that are written once, with the address of a parameter at a fixed offset."""
    writers = {}
    for block in kernel.blocks:
        for instruction in block:
            for register in instruction.written():
                writers.setdefault(register, []).append(instruction)
    names, fixed = {name for name, _, _ in kernel.parameters}, set()
    once = {register: made[0] for register, made in writers.items() if len(made) == 1}
    while True:
        before = len(fixed)
        for register, made in once.items():
            sources = made.operands[1:]
            if made.name in ("mov", "add") and all(s in names or s in fixed or re.match(r"-?\d+$", s) for s in sources):
                if any(s in names or s in fixed for s in sources):
                    fixed.add(register)
        if len(fixed) == before:
            return fixed


class Site:
    """A load from global memory: its bytes, and whether it reads one of the op's tensors."""

    def __init__(self, size):
        self.bytes, self.counts = size, False


class Decoder:
    """Decodes the instructions of a machine's kernel."""

    def __init__(self, machine):
        self.machine, self.threads = machine, machine.threads

    def decode(self, instruction):
        """Returns (function, Site or None)."""
        site = None
        if instruction.name == "ld" and "global" in instruction.opcode:
            action, site = self.load_global(instruction)
        elif instruction.name in ("ld", "st"):
            action = self.access(instruction)
        elif instruction.name in NOTHING:
            action = lambda where: None  # noqa: E731
        else:
            make = operations.TABLE.get(instruction.name)
            try:
                action = make and make(self, instruction)
            except (KeyError, IndexError, ValueError, Problem):
                action = None
            action = action or self.unknown(instruction)
        if is_wide_division(instruction):
            action = self.counted(action, instruction)
        return (self.guarded(action, instruction) if instruction.guard else action), site

    def unknown(self, instruction):
        """An instruction that cannot be interpreted. It is an error only if a thread executes it."""

        def action(where):
            raise Problem(f"cannot interpret `{instruction.text()}`")

        return action

    def guarded(self, action, instruction):
        condition, negated = self.register(instruction.guard), instruction.negated

        def guarded(where):
            inside = ~condition if negated else condition
            inside = inside.copy() if where is True else inside & where
            if inside.any():
                action(inside)

        return guarded

    def counted(self, action, instruction):
        """Adds the cost of a 64-bit division, which depends on how large its operands are."""
        machine, (a, b) = self.machine, self.sources(instruction, "u64")

        def counted(where):
            high = (a | b) >> np.uint64(32)
            wide = high.any() if where is True else (high.astype(bool) & where).any()
            machine.extra += machine.warps * (WIDE_64 if wide else NARROW_64)
            action(where)

        return counted

    def register(self, name):
        """The array of a register, in the type of its declaration."""
        known = self.machine.registers
        if name not in known:
            kind = self.machine.kernel.kind_of(name)
            known[name] = np.zeros(self.threads, dtype_of(kind))
        return known[name]

    def number(self, text, kind):
        """An immediate, as an array."""
        dtype = dtype_of(kind)
        if text[:2] in ("0f", "0F"):
            value = struct.unpack(">f", bytes.fromhex(text[2:]))[0]
        elif text[:2] in ("0d", "0D"):
            value = struct.unpack(">d", bytes.fromhex(text[2:]))[0]
        else:
            value = int(text.rstrip("U"), 0)
            if dtype.kind in "iu":
                bits = value & ((1 << 8 * dtype.itemsize) - 1)
                return np.full(self.threads, bits, f"u{dtype.itemsize}").view(dtype)
        return np.full(self.threads, value, dtype)

    def source(self, text, kind):
        """An operand: a register, a special one, a symbol or a number."""
        kernel, dtype = self.machine.kernel, dtype_of(kind)
        if text in self.machine.special:
            return self.machine.special[text].view(dtype) if dtype.itemsize == 4 else self.machine.special[text].astype(dtype)
        if text.startswith("%"):
            array = self.register(text)
            wider = array.dtype.itemsize // dtype.itemsize
            return array.view(dtype) if wider == 1 else array.view(dtype)[::wider]  # the low part
        for name, offset, _ in kernel.parameters:
            if text == name:
                return np.full(self.threads, offset, dtype)
        if text in kernel.shared:
            return np.full(self.threads, kernel.shared[text], dtype)
        return self.number(text, kind)

    def sources(self, instruction, kind):
        return [self.source(text, kind) for text in instruction.operands[1:]]

    def target(self, text, kind):
        """A register to write values of a type to: they are extended if it is wider."""
        array, dtype = self.register(text), dtype_of(kind)
        if array.dtype.itemsize == dtype.itemsize:
            return array.view(dtype)
        return array.view(f"{'i' if dtype.kind == 'i' else 'u'}{array.dtype.itemsize}")

    def vector(self, text, kind, target=False):
        names = [name.strip() for name in text.strip("{}").split(",")]
        return [(self.target if target else self.source)(name, kind) for name in names]

    def address(self, text, kind="u64"):
        """Returns (base, offset) of `[%rd1+8]`."""
        base, _, offset = text.strip("[] ").partition("+")
        return self.source(base.strip(), kind), self.number(offset.strip() or "0", kind)

    def load_global(self, instruction):
        targets = self.vector(instruction.operands[0], instruction.kind, target=True)
        (base, offset), size, machine = self.address(instruction.operands[1]), size_of(instruction.kind), self.machine
        site, at, signed = Site(size * len(targets)), np.zeros(self.threads, np.uint64), instruction.kind[0] == "s"

        def action(where):
            np.add(base, offset, out=at)
            known, values = machine.memory.load(at, where, size, len(targets))
            site.counts = known.kind in ("tensor", "mask", "parts")
            values = values.view(f"i{size}") if signed else values
            for i, target in enumerate(targets):
                bits = target.view(f"u{size}") if target.dtype.itemsize == size and not signed else target
                np.copyto(bits, values[:, i], where=where, casting="unsafe")

        return action, site

    def access(self, instruction):
        """The other accesses to memory."""
        space = next(part for part in instruction.opcode if part in SPACES)
        store, kind = instruction.name == "st", instruction.kind
        values = self.vector(instruction.operands[1 if store else 0], kind, target=not store)
        text = instruction.operands[0 if store else 1]
        size = size_of(kind)
        if space == "global":
            (base, offset), machine = self.address(text), self.machine
            return lambda where: machine.memory.store(base + offset, where, size, len(values))
        return self.own_memory(self.machine.parameters if space == "param" else self.machine.shared, text, values, kind, store)

    def own_memory(self, memory, text, values, kind, store):
        """Accesses to shared memory and to parameters."""
        name = text.strip("[] ").partition("+")[0].strip()
        wide = name.startswith("%") and self.register(name).dtype.itemsize == 8
        base, offset = self.address(text, "s64" if wide else "s32")
        size = size_of(kind)
        view = memory[: len(memory) // 8 * 8].view(dtype_of(kind))

        def load(where):
            index = (base + offset) // size
            for i, target in enumerate(values):
                np.copyto(target, view.take(index + i, mode="clip"), where=where, casting="unsafe")

        def put(where):
            index = (base + offset) // size
            for i, value in enumerate(values):
                if where is True:
                    view[index + i] = value
                else:
                    view[index[where] + i] = value[where]

        return put if store else load

"""Parses PTX text into kernels: parameters, registers, shared memory, and basic blocks of instructions."""

import re
from dataclasses import dataclass, field

from problem import Problem

SIZES = {"pred": 1, "8": 1, "16": 2, "32": 4, "64": 8, "16x2": 4}
ENDS = ("bra", "ret", "exit", "bar", "barrier")  # a basic block ends with these


def size_of(kind):
    """The size in bytes of a type: .f32, .b8, .bf16x2, ..."""
    return SIZES[kind.lstrip(".").lstrip("bsuf") or kind]


@dataclass
class Instruction:
    """`@!%p1 add.s64 a, b, c;` is guard "%p1", negated, opcode ["add", "s64"], operands ["a", "b", "c"]."""

    opcode: list
    operands: list
    guard: str = None
    negated: bool = False

    @property
    def name(self):
        return self.opcode[0]

    @property
    def kind(self):
        return self.opcode[-1]

    @property
    def ends_block(self):
        return self.name in ENDS

    def text(self):
        guard = f"@{'!' if self.negated else ''}{self.guard} " if self.guard else ""
        return f"{guard}{'.'.join(self.opcode)} {', '.join(self.operands)}".strip()

    def written(self):
        """The registers that it writes."""
        if self.name in ("st", *ENDS) or not self.operands:
            return []
        return re.findall(r"%\w+", self.operands[0])

    def read(self):
        """The registers that it reads."""
        first = 0 if self.name in ("st", *ENDS) else 1
        found = re.findall(r"%\w+", " ".join(self.operands[first:]))
        return found + ([self.guard] if self.guard else [])


@dataclass
class Kernel:
    """One .entry. `blocks` are in the order of the text; `labels` maps the label of a branch to an index in `blocks`."""

    name: str
    parameters: list  # (name, offset, size)
    registers: dict = field(default_factory=dict)  # type by name, or by prefix if numbered
    shared: dict = field(default_factory=dict)  # offset by name
    shared_bytes: int = 0
    blocks: list = field(default_factory=list)
    labels: dict = field(default_factory=dict)

    def kind_of(self, register):
        """The type that a register was declared with."""
        kind = self.registers.get(register) or self.registers.get(re.sub(r"\d+$", "", register))
        if kind is None:
            raise Problem(f"{register} is not declared in {self.name}")
        return kind


def entry_text(module, name):
    """The text from the parameters' bracket to the end of the body; None if the module has no such kernel."""
    found = re.search(r"\.entry\s+" + re.escape(name) + r"\s*\(", module)
    if not found:
        return None
    end = re.compile(r"^\}", re.MULTILINE).search(module, found.end())
    return module[found.end() : end.end() if end else len(module)]


def _aligned(offset, alignment):
    return -(-offset // alignment) * alignment


def _declared(text):
    """Returns (name, alignment, size) of `.param .align 8 .b8 name[192]`, or of `.param .u64 name`."""
    found = re.match(r"\.\w+\s+(?:\.align\s+(\d+)\s+)?(\.\w+)\s+([\w$.%]+)\s*(?:\[(\d+)\])?", text)
    alignment, kind, name, count = found.groups()
    size = size_of(kind)
    return name, int(alignment or size), size * int(count or 1)


def _split(text):
    """Splits operands at the commas that are outside brackets."""
    return [part.strip() for part in re.split(r",(?![^{\[]*[}\]])", text)] if text.strip() else []


def _instruction(text):
    guard, negated = None, False
    found = re.match(r"@(!?)(%\w+)\s+(.*)", text, re.DOTALL)
    if found:
        negated, guard, text = bool(found.group(1)), found.group(2), found.group(3)
    opcode, _, operands = text.partition(" ")
    return Instruction(opcode.strip().split("."), _split(operands), guard, negated)


def _declare_registers(kernel, statement):
    kind, names = re.match(r"\.reg\s+\.(\w+)\s+(.*)", statement, re.DOTALL).groups()
    for name in names.split(","):
        kernel.registers[re.sub(r"<\d+>", "", name).strip()] = kind


def parse(name, text, module=""):
    """Parses the result of entry_text(). `module` is the text of the module, which may declare shared memory too."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"[ \t\n]+", " ", text)
    head, _, body = text.partition("{")
    kernel, offset = Kernel(name, []), 0
    for declaration in re.findall(r"\.param[^,)]*", head):
        parameter, alignment, size = _declared(declaration.strip())
        offset = _aligned(offset, alignment)
        kernel.parameters.append((parameter, offset, size))
        offset += size
    block, last = [], None
    kernel.blocks.append(block)
    for statement in body.split(";"):
        statement = statement.strip()
        while statement:
            found = re.match(r"([{}])\s*|([$\w.]+):(?!:)\s*", statement)
            if not found:
                break
            if found.group(2):  # a label begins a new block, unless this one is empty
                if block:
                    block = []
                    kernel.blocks.append(block)
                kernel.labels[found.group(2)] = len(kernel.blocks) - 1
            statement = statement[found.end() :]
        if statement.startswith(".reg"):
            _declare_registers(kernel, statement)
        elif statement.startswith(".shared"):
            _place_shared(kernel, statement)
        elif statement and not statement.startswith("."):
            last = _instruction(statement)
            block.append(last)
            if last.ends_block:
                block = []
                kernel.blocks.append(block)
    for declaration in re.findall(r"^\.shared[^;]*", module, re.MULTILINE):
        if _declared(declaration)[0] in text:
            _place_shared(kernel, declaration)
    return kernel


def _place_shared(kernel, statement):
    name, alignment, size = _declared(statement)
    offset = _aligned(kernel.shared_bytes, alignment)
    kernel.shared[name] = offset
    kernel.shared_bytes = offset + size


class Modules:
    """The kernels of several PTX texts, each parsed at its first use."""

    def __init__(self, texts):
        self.texts, self.known = texts, {}

    def kernel(self, name):
        if name not in self.known:
            for module in self.texts:
                text = entry_text(module, name) if name in module else None
                if text is not None:
                    self.known[name] = parse(name, text, module)
                    break
            else:
                raise Problem(f"the library has no PTX of {name}")
        return self.known[name]

"""Computes the figures of a launch and of a call from the counts of single blocks."""

import math

from calls import BYTES
from memory import Memory

REGISTERS, THREADS, BLOCKS, SHARED = 65536, 2048, 32, 228 * 1024  # limits of a multiprocessor of compute capability 9.0
ISSUE_SLOTS = 132 * 4 * 1.755e9  # warp instructions a second of an H100 SXM
BANDWIDTH = 3.0e12  # bytes a second that a kernel must keep up with
WARP = 32


def blocks_at_once(threads, registers, shared):
    """The blocks that a multiprocessor has room for. `shared` includes what the system reserves."""
    by_registers = REGISTERS // (math.ceil(registers / 8) * 8 * threads)
    by_shared = SHARED // shared if shared else BLOCKS
    return min(by_registers, by_shared, THREADS // threads, BLOCKS)


def issue_share(instructions, useful_bytes):
    """The share of the issue slots that an element's instructions take while its bytes move at the bandwidth."""
    return instructions / WARP * (BANDWIDTH / useful_bytes) / ISSUE_SLOTS


class Sample:
    """The counts of one block, and the bytes that it moved."""

    def __init__(self, count, memory):
        self.instructions, self.ptx, self.flight = count.warp_instructions, count.ptx_instructions, count.bytes_in_flight
        self.moved = {r.name: (r.loaded, r.stored) for r in memory.ranges if r.loaded or r.stored}

    def bytes(self, *names):
        return sum(sum(self.moved.get(name, (0, 0))) for name in names)


class LaunchFigures:
    """Some blocks of a launch: `chosen` along the x axis, for each y. The others count as the middle ones do."""

    def __init__(self, launch, machine, call):
        self.launch, self.machine, self.memory = launch, machine, Memory(call.ranges)
        machine.set_parameters(launch.arguments)
        self.known = {}

    def sample(self, x, y=0):
        if (x, y) not in self.known:
            self.memory.reset()
            count = self.machine.run((x, y, 0), self.launch.grid, self.memory)
            self.known[x, y] = Sample(count, self.memory)
        return self.known[x, y]

    def middle(self, most=2):
        """Blocks at several places inside the grid."""
        wide, high, _ = self.launch.grid
        places = sorted({min(wide - 1, (2 * i + 1) * wide // (2 * most) + i) for i in range(most)})
        return [self.sample(x, high // 2) for x in places]

    def total(self, figure):
        """The total of a function of a Sample over all blocks: for each y the first, the last, and the middle ones for all between."""
        wide, high, _ = self.launch.grid
        total = 0
        for y in range(high):
            inner = [x for x in sorted({wide // 3, 2 * wide // 3}) if 0 < x < wide - 1]
            total += sum(figure(self.sample(x, y)) for x in {0, wide - 1})
            if wide > 2:
                total += sum(figure(self.sample(x, y)) for x in inner) / len(inner) * (wide - 2)
        return total


def of_call(call, launches, machines, resources):
    """The figures of a row, as a dict that can be written as JSON."""
    main = "y" if call.row.function == "forward" else "dx"
    passes = [LaunchFigures(launch, machines(launch), call) for launch in launches]
    first = passes[0]
    inside = first.middle()
    elements = sum(sample.moved.get(main, (0, 0))[1] for sample in inside) / BYTES[call.dtype]
    instructions = sum(sample.instructions for sample in inside) * WARP / elements
    tensors = [r.name for r in call.ranges if r.kind in ("tensor", "mask")]
    threads = math.prod(first.launch.block)
    registers, shared = resources.get(first.launch.kernel, (0, 0))
    blocks = blocks_at_once(threads, max(registers, 1), shared)
    flight = max(sample.flight for sample in inside)
    figures = {
        "op": call.row.op,
        "layout": call.row.layout,
        "dtype": call.dtype,
        "kernel": first.launch.kernel,
        "grid": first.launch.grid,
        "instructions_per_element": instructions,
        "ptx_per_element": sum(sample.ptx for sample in inside) * WARP / elements,
        "useful_bytes_per_element": call.useful_bytes(),
        "moved_bytes_per_element": sum(sample.bytes(*tensors) for sample in inside) / elements,
        "issue_percent": 100 * issue_share(instructions, call.useful_bytes()),
        "registers": registers,
        "resident_threads": blocks * threads,
        "in_flight_bytes_per_thread": flight,
        "in_flight_kib": flight * blocks * threads / 1024,
    }
    if len(passes) > 1:
        figures.update(_of_second_pass(call, passes, instructions / WARP * call.elements))
    return figures


def _of_second_pass(call, passes, first_instructions):
    """The second pass in percent of the first. The sums of the parts are written once and read once."""
    instructions = sum(later.total(lambda sample: sample.instructions) for later in passes[1:])
    read = sum(later.total(lambda sample: sample.bytes("workspace")) for later in passes[1:])
    workspace = next(r.bytes for r in call.ranges if r.name == "workspace")
    return {
        "parts": math.prod(passes[0].launch.grid),
        "workspace_bytes": workspace,
        "second_pass_percent": 100 * instructions / first_instructions,
        "second_pass_bytes_percent": 100 * (workspace + read) / (call.useful_bytes() * call.elements),
        "second_pass_grid": passes[-1].launch.grid,
    }

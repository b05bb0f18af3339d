"""Runs a kernel's PTX for a block of threads and counts what its warps execute. All threads that execute an instruction do so at once.

Threads that diverge wait for each other where their paths meet again: those at the earliest place in the text run first, a
basic block at a time. An instruction counts once for every warp that has a thread in it."""

from dataclasses import dataclass

import numpy as np

import decode
from costs import cost, is_plain_move, ptx_cost
from problem import Problem

MOST_STEPS = 20_000_000  # basic blocks to run at most: more than any kernel here needs
WARP = 32


@dataclass
class Step:
    """A decoded basic block: its functions, its cost for a warp, its end, and what its instructions read and write."""

    actions: list
    cost: int
    ptx_cost: int
    end: object  # an Instruction, or None if the block continues into the next
    events: list


@dataclass
class Event:
    """An instruction as Flight sees it: "move", "store" or "other". `site` is that of a load from global memory."""

    what: str
    read: list
    written: list
    site: object


@dataclass
class Count:
    """The counts of one block of threads."""

    warp_instructions: int  # machine instructions, as costs.py estimates them
    ptx_instructions: int
    bytes_in_flight: int  # those of a thread in the middle


class Machine:
    """A kernel that can be run for many blocks and launches."""

    def __init__(self, kernel, shape=(256, 1, 1)):
        self.kernel, self.shape = kernel, shape
        self.threads = int(np.prod(shape))
        if self.threads % WARP:
            raise Problem(f"{self.threads} threads are not whole warps")
        self.registers, self.steps = {}, {}
        self.parameters = np.zeros(sum(size + 16 for _, _, size in kernel.parameters) + 16, np.uint8)
        self.shared = np.zeros(-(-kernel.shared_bytes // 16) * 16 + 16, np.uint8)
        self.special = {name: np.zeros(self.threads, np.uint32) for name in decode.SPECIAL}
        thread = np.arange(self.threads, dtype=np.uint32)
        for axis, name in enumerate("xyz"):
            self.special[f"%ntid.{name}"][:] = shape[axis]
            self.special[f"%tid.{name}"][:] = thread % shape[axis]
            thread = thread // shape[axis]
        self.special["%laneid"][:] = np.arange(self.threads) % WARP
        self.fixed = decode.fixed_registers(kernel)
        self.memory, self.extra, self.warps = None, 0, 0

    def set_parameters(self, values):
        """Sets the parameters, each given as bytes."""
        for (_, offset, size), value in zip(self.kernel.parameters, values):
            self.parameters[offset : offset + size] = np.frombuffer(value, np.uint8)

    def register_values(self, name):
        """The value of a register in each thread."""
        return self.registers[name]

    def run(self, block, grid, memory):
        """Runs the block with index `block` in the grid."""
        for axis, name in enumerate("xyz"):
            self.special[f"%ctaid.{name}"][:] = block[axis]
            self.special[f"%nctaid.{name}"][:] = grid[axis]
        self.memory, self.extra = memory, 0
        with np.errstate(all="ignore"):
            return self._run()

    def _run(self):
        everyone = np.ones(self.threads, bool)
        ready, waiting, count, ptx, flight = {0: everyone}, {}, 0, 0, Flight()
        for _ in range(MOST_STEPS):
            if not ready:
                if not waiting:
                    return Count(count + self.extra, ptx, flight.most)
                ready, waiting = waiting, {}
            at = min(ready)
            mask = ready.pop(at)
            full = mask is everyone or mask.all()
            where = True if full else mask
            self.warps = self.threads // WARP if full else int(mask.reshape(-1, WARP).any(1).sum())
            step = self._step(at)
            count += self.warps * step.cost
            ptx += self.warps * step.ptx_cost
            for action in step.actions:
                action(where)
            if mask[self.threads // 2]:
                flight.passes(at, step.events)
            self._go_on(step.end, at, everyone if full else mask, ready, waiting)
        raise Problem(f"{self.kernel.name} does not end")

    def _go_on(self, end, at, mask, ready, waiting):
        """Moves the threads to the targets of the block's last instruction."""

        def send(groups, to, threads):
            groups[to] = groups[to] | threads if to in groups else threads

        if end is None:
            if at + 1 < len(self.kernel.blocks):
                send(ready, at + 1, mask)
            return
        if end.name in ("bar", "barrier"):
            return send(waiting, at + 1, mask)
        target = self.kernel.labels[end.operands[0]] if end.name == "bra" else None
        taken = mask
        if end.guard:
            condition = self.registers[end.guard]
            taken = mask & (~condition if end.negated else condition)
            if not taken.any():
                return send(ready, at + 1, mask)
            left = mask & ~taken
            if left.any():
                send(ready, at + 1, left)
            else:
                taken = mask
        if target is not None:
            send(ready, target, taken)

    def _step(self, at):
        if at not in self.steps:
            instructions = self.kernel.blocks[at]
            end = instructions[-1] if instructions and instructions[-1].ends_block else None
            decoder, actions, events = decode.Decoder(self), [], []
            for instruction in instructions:
                site = None
                if instruction is not end:
                    action, site = decoder.decode(instruction)
                    actions.append(action)
                what = "move" if is_plain_move(instruction) else "store" if instruction.name == "st" else "other"
                events.append(Event(what, instruction.read(), instruction.written(), site))
            total = sum(cost(i, i.name == "add" and i.operands[0] in self.fixed) for i in instructions)
            self.steps[at] = Step(actions, total, sum(map(ptx_cost, instructions)), end, events)
        return self.steps[at]


class Flight:
    """The bytes that a thread has requested and not used yet: what it keeps in flight, if loads return in order.

    The assembler is assumed to move a load before the uses of other loads, but not past a branch or a store."""

    def __init__(self):
        self.pending, self.most, self.known = (), 0, {}

    def passes(self, at, events):
        """Records that the thread has run a basic block."""
        key = (at, self.pending)
        if key not in self.known:
            self.known[key] = self._after(events)
        self.pending, most = self.known[key]
        self.most = max(self.most, most)

    def _after(self, events):
        pending, most = list(self.pending), 0
        for event in _loads_first(events, [registers for registers, _ in pending]):
            if event.what == "move":  # another register for a value that is in flight
                pending = [(r if r.isdisjoint(event.read) else r.union(event.written), size) for r, size in pending]
                continue
            needed = [i for i, (loaded, _) in enumerate(pending) if not loaded.isdisjoint(event.read)]
            if needed:
                pending = pending[needed[-1] + 1 :]
            if event.site and event.site.counts:
                pending.append((frozenset(event.written), event.site.bytes))
                most = max(most, sum(size for _, size in pending))
        return tuple(pending), most


def _loads_first(events, pending):
    """The events between two stores, with loads whose address is not itself loaded first."""
    waiting, early, rest = set().union(*pending), [], []
    for event in events:
        if event.what == "store":
            yield from [*early, *rest, event]
            early, rest = [], []
            continue
        late = not waiting.isdisjoint(event.read)
        (early if event.site and not late else rest).append(event)
        if late or event.site:
            waiting.update(event.written)
    yield from [*early, *rest]

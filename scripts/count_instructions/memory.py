"""Global memory as the kernels see it: the ranges of the tensors, what is read there, and how many bytes go to and from each.

Nothing is kept. A load gives what a table of random numbers has at its address: as f32, bf16 and f16 all are ordinary numbers of
either sign, so that no kernel meets more infinities than real tensors hold; in a mask all bits are random."""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from problem import Problem

WORDS = 1 << 16


@dataclass
class Range:
    """`bytes` from an address on. `kind`: "tensor", "mask", "parameter", "sum" or "parts"."""

    name: str
    begin: int
    bytes: int
    kind: str
    loaded: int = 0
    stored: int = 0


def _tables():
    bits = np.random.default_rng(1).integers(0, 1 << 16, WORDS, dtype=np.uint16)
    numbers = (bits & np.uint16(0x807F)) | np.uint16(0x3F00)
    return {"mask": bits, "tensor": numbers}


class Memory:
    """The ranges, in the order of their addresses. Counts are since reset()."""

    tables = _tables()

    def __init__(self, ranges):
        self.ranges = sorted(ranges, key=lambda r: r.begin)
        self.begins = [r.begin for r in self.ranges]

    def reset(self):
        for known in self.ranges:
            known.loaded = known.stored = 0

    def find(self, address):
        at = bisect_right(self.begins, address) - 1
        known = self.ranges[at] if at >= 0 else None
        if known is None or address >= known.begin + known.bytes:
            raise Problem(f"a kernel's access at {address:#x} is in no tensor")
        return known

    def _touched(self, addresses, where):
        """The range, by the first thread's address: an instruction accesses one tensor. And the number of threads."""
        if where is True:
            return self.find(int(addresses[0])), len(addresses)
        return self.find(int(addresses[where.argmax()])), int(np.count_nonzero(where))

    def load(self, addresses, where, size, count):
        """(range, values[thread, number]): `count` numbers of `size` bytes for each thread."""
        known, threads = self._touched(addresses, where)
        known.loaded += threads * size * count
        table = self.tables.get(known.kind, self.tables["tensor"]).view(f"u{size}").reshape(-1, count)
        return known, table[(addresses // np.uint64(size * count)) & np.uint64(len(table) - 1)]

    def store(self, addresses, where, size, count):
        known, threads = self._touched(addresses, where)
        known.stored += threads * size * count

"""Global memory as the kernels see it: the ranges of the tensors, the values that loads return, and the bytes read and written in each.

Nothing is stored. A load returns the entry of a table of random values for its address. Read as f32, bf16 or f16 all of them are
ordinary values of either sign, so that kernels meet no more infinities than in real tensors; the bits of a mask are random."""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from problem import Problem

WORDS = 1 << 16


@dataclass
class Range:
    """The `bytes` bytes from an address on. `kind`: "tensor", "mask", "parameter", "sum" or "parts"."""

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
    """The ranges, in the order of their addresses, and counts since reset()."""

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
        """Returns the range, by the first thread's address, because an instruction accesses one tensor; and the number of threads."""
        if where is True:
            return self.find(int(addresses[0])), len(addresses)
        return self.find(int(addresses[where.argmax()])), int(np.count_nonzero(where))

    def load(self, addresses, where, size, count):
        """Returns (range, values[thread, i]): `count` values of `size` bytes for each thread."""
        known, threads = self._touched(addresses, where)
        known.loaded += threads * size * count
        table = self.tables.get(known.kind, self.tables["tensor"]).view(f"u{size}").reshape(-1, count)
        return known, table[(addresses // np.uint64(size * count)) & np.uint64(len(table) - 1)]

    def store(self, addresses, where, size, count):
        known, threads = self._touched(addresses, where)
        known.stored += threads * size * count

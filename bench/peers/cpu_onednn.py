"""oneDNN as a peer of cpu.py: its elementwise primitive, through onednn_peer.cpp."""

import weakref
from ctypes import c_char_p, c_float, c_int32, c_int64, c_void_p

import native
from contenders import Absent
from cpu_timing import Contender
from rectify_c import DTYPES

FAMILIES = ("relu", "leaky", "clip")


class OneDnn:
    """oneDNN as a contender. Absent if dnnl.hpp, its library or a compiler isn't found."""

    who = "oneDNN"

    def __init__(self, folder):
        self.c = native.load("onednn_peer", folder, ["dnnl"])
        self.c.onednn_eltwise.argtypes = [c_int32, c_int64, c_int32, c_float, c_float, *[c_void_p] * 4]
        self.c.onednn_eltwise.restype = c_void_p
        self.c.onednn_run.argtypes = [c_void_p, c_int64]
        self.c.onednn_free.argtypes = self.c.onednn_implementation.argtypes = [c_void_p]
        for name in ("onednn_last_error", "onednn_implementation"):
            getattr(self.c, name).restype = c_char_p

    def version(self):
        number = self.c.onednn_version()
        return f"{number // 10000}.{number // 100 % 100}.{number % 100}"

    def contender(self, work):
        op, address = work.op, work.arrays.address
        if op.family not in FAMILIES:
            raise Absent("compared only for relu, leaky_relu and clip")
        capped = op.family == "clip"
        numbers = (0.0, op.relu.max_value) if capped else (op.relu.alpha, 0.0)
        result = next(iter(work.elementwise.values()))
        buffers = (address(work.dy), address(result)) if op.backward else (None, None)
        y = None if op.backward else address(result)
        made = self.c.onednn_eltwise(DTYPES[work.dtype], work.elements, capped, *numbers, address(work.x), y, *buffers)
        if not made:
            raise Absent(f"{work.dtype}: {self.c.onednn_last_error().decode()}")

        def run(calls):
            if self.c.onednn_run(made, calls):
                raise RuntimeError(self.c.onednn_last_error().decode())

        weakref.finalize(run, self.c.onednn_free, made)
        how = self.c.onednn_implementation(made).decode()
        return Contender(self.who, run, lambda _: work.elementwise, how)

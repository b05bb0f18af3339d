"""Requests of rectify-bench to torch_worker.py, with tensors in the memory that both processes map, and those that only
PyTorch needs. torch_recipes.py has what PyTorch executes."""

import contextlib
import ctypes
import json
import math
import mmap
import resource
import time

import torch
from torch_recipes import Absent, Loop

MAP_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # Python 3.11 does not name it
DTYPES = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "f64": torch.float64}
MASK_BITS = {"u1": 1, "u2": 2}
PARAMETERS = ("scale", "bias", "alpha")
SUMS = ("dscale", "dbias", "dalpha")


def keep_freed_memory():
    """Makes glibc reuse freed memory instead of returning it to the system. If PyTorch must allocate a result in each
    call (prelu), page faults would otherwise be most of its time. This favours PyTorch."""
    trim_threshold, mmap_max = -1, -4
    with contextlib.suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(mmap_max, 0)
        ctypes.CDLL(None).mallopt(trim_threshold, 2**31 - 1)


def return_freed_memory():
    """Once, to the system. Otherwise a process with many cases would keep the memory of all."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class Memory:
    """The shared memory, and tensors in it. The file is sparse and may be larger than the RAM."""

    def __init__(self, file, size):
        self.mapped = mmap.mmap(file, size, flags=mmap.MAP_SHARED | MAP_NORESERVE)

    def tensor(self, spec, offset):
        """A mask is a tensor of its bytes."""
        dtype, shape, strides = spec["dtype"], spec["shape"], spec["strides"]
        if dtype in MASK_BITS:
            count = (math.prod(shape) * MASK_BITS[dtype] + 7) // 8
            return self._flat(torch.uint8, count, offset)
        span = 1 + sum((extent - 1) * stride for extent, stride in zip(shape, strides))
        return self._flat(DTYPES[dtype], span, offset).as_strided(shape, strides)

    def _flat(self, dtype, count, offset):
        """Touches each page without a change, or the first calls on a set would be timed with their page faults."""
        page = offset // mmap.PAGESIZE * mmap.PAGESIZE
        end = offset + count * dtype.itemsize
        torch.frombuffer(self.mapped, dtype=torch.uint8, count=end - page, offset=page)[:: mmap.PAGESIZE].add_(0)
        return torch.frombuffer(self.mapped, dtype=dtype, count=count, offset=offset)


class Case:
    """A prepared request: tensors of each set by name, and the loop that runs on them."""

    def __init__(self, memory, request):
        self.request, self.specs, self.sets = request, request["tensors"], request["sets"]
        main = self.specs["dy" if "dy" in self.specs else "x"]
        self.dtype, self.rank = DTYPES[request["dtype"]], len(main["shape"])
        self.loop = Loop(request, self.rank)
        self.given = {name: [memory.tensor(spec, offsets[name]) for offsets in self.sets] for name, spec in self.specs.items()}
        self.used = {name: self._used(name) for name in self.loop.names}
        self.arguments = [self.loop.list_of(tensors) for tensors in self.used.values()]
        if self.loop.allocates:
            self._warm_heap()

    def _warm_heap(self):
        """Untimed calls, until some have no page faults: the heap of glibc 2.36 grows in 10 calls or so before it reuses memory
        of one size. Above 2 GiB it never does."""
        quiet = 0
        for _ in range(8):
            faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            self._timed(0, 4)
            quiet = quiet + 1 if resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults < 16 else 0
            if quiet == 2:
                return

    def run(self, first, calls):
        """Returns the seconds."""
        return self._timed(first, calls)[0]

    def check(self):
        """One call on the first set, whose outputs are then in the given tensors. Returns the seconds."""
        seconds, allocated = self._timed(0, 1)
        results = {name: self.used[name][0] for name in SUMS if name in self.used}
        if self.loop.allocates:
            results[self.loop.allocates] = allocated
        if "dresidual" in self.given:
            results["dresidual"] = self.given["dx"][0]
        for name, result in results.items():
            self.given[name][0].copy_(result)
        return seconds

    def _timed(self, first, calls):
        with torch.jit.optimized_execution(False):
            began = time.perf_counter()
            returned = self.loop.function(*self.arguments, first, calls)
            return time.perf_counter() - began, returned

    def _used(self, name):
        """The given tensors as PyTorch takes them, or those that only PyTorch needs. Each set has a z of its own, as its other
        tensors are its own; there is one scratch, as an allocator would give the same memory to each call."""
        if name == "z":
            return [self._saved_z(at) for at in range(len(self.sets))]
        if name == "scratch":
            return [torch.zeros_like(self.given["x"][0])] * len(self.sets)
        if name in PARAMETERS:
            return [self._along_channels(tensor) for tensor in self.given[name]]
        if name in SUMS:  # of the parameter's dtype, as autograd has them
            return [given if given.dtype == self.dtype else given.to(self.dtype) for given in self.given[name]]
        return self.given[name]

    def _along_channels(self, tensor):
        if self.request["op"] == "prelu_forward":  # torch.prelu finds the axis itself
            return tensor
        return tensor.view([-1 if axis == self.request["channel_axis"] else 1 for axis in range(self.rank)])

    def _saved_z(self, at):
        """The input of the function, as the forward would have saved it."""
        if "mask" in self.given:
            return self._z_of_mask(self.given["mask"][at], self.given["dy"][at])
        x = self.given["x"][at]
        bias = self._along_channels(self.given["bias"][at]) if "bias" in self.given else None
        if "scale" in self.given:
            return torch.addcmul(bias, x, self._along_channels(self.given["scale"][at]))
        return x if bias is None else x + bias

    def _z_of_mask(self, mask, like):
        """A z in the regions that the mask names. Saturated may be stored as below, because no function with a cap has an alpha
        here: both have the slope 0."""
        spec, cap = self.specs["mask"], self.request["max_value"]
        bits = MASK_BITS[spec["dtype"]]
        codes = mask.unsqueeze(1).bitwise_right_shift(torch.arange(0, 8, bits, dtype=torch.uint8)).bitwise_and_(2**bits - 1)
        linear = codes.flatten().as_strided(spec["shape"], spec["strides"]) == 1
        return torch.full_like(like, -math.inf).masked_fill_(linear, math.inf if cap is None else cap / 2)


class Requests:
    """Answers them, one after the other. One that fails does not disturb the next."""

    def __init__(self, memory):
        self.memory, self.case = memory, None

    def answer(self, line):
        try:
            request = json.loads(line)
            if request["do"] == "prepare":
                return self._prepare(request)
            if self.case is None:
                raise RuntimeError("nothing is prepared")
            if request["do"] == "check":
                return {"seconds": self.case.check()}
            if request["do"] == "run":
                return {"seconds": self.case.run(request["first"], request["calls"])}
            raise RuntimeError(f"unknown request {request['do']!r}")
        except Absent as absent:
            return {"absent": str(absent)}
        except Exception as error:
            return {"failed": describe(error)}

    def _prepare(self, request):
        self.case = None
        return_freed_memory()
        self.case = Case(self.memory, request)
        return {"ready": True, "how": self.case.loop.how}


def describe(error):
    """The last line, because an error in compiled code begins with a traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1]}" if lines else type(error).__name__

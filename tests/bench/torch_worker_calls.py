"""For torch_worker_test.py: the worker's process, tensors in its memory, and calls with random inputs and expected results."""

import json
import math
import os
import random
import struct
import subprocess
import sys
from pathlib import Path

WORKER = Path(__file__).resolve().parents[2] / "bench" / "peers" / "torch_worker.py"
PYTHON = os.environ.get("RECTIFY_TORCH_PYTHON", sys.executable)
MEMORY_BYTES = 1 << 40  # more than the RAM: the file is sparse
SETS = 3
SIZE = {"f16": 2, "bf16": 2, "f32": 4, "f64": 8}
EPS = {"f16": 2.0**-11, "bf16": 2.0**-8, "f32": 2.0**-24, "f64": 2.0**-53}
RELU = {"alpha": 0, "threshold": 0, "max_value": None}
LEAKY = {"alpha": 0.25, "threshold": 0, "max_value": None}
CLIP = {"alpha": 0, "threshold": 0, "max_value": 1.5}
THRESHOLD = {"alpha": 0, "threshold": 0.5, "max_value": None}
FUNCTIONS = {"clamp_min": RELU, "leaky_relu": LEAKY, "hardtanh": CLIP, "threshold": THRESHOLD}
FLAT, ROWS, NCHW = [43], [29, 8], [3, 8, 2, 2]
# The operands of rectify-bench's ops.
OPS = {
    "forward": (FLAT, "x y"),
    "backward": (FLAT, "dy x dx"),
    "forward_mask": (FLAT, "x y mask"),
    "backward_mask": (FLAT, "dy mask dx"),
    "bias_forward": (ROWS, "x bias y"),
    "bias_forward_nchw": (NCHW, "x bias y"),
    "bias_backward": (ROWS, "dy x bias dx"),
    "residual_forward": (FLAT, "x residual y"),
    "residual_backward_mask": (FLAT, "dy mask dx dresidual"),
    "scale_bias_forward": (ROWS, "x scale bias y"),
    "prelu_forward": (ROWS, "x alpha y"),
    "prelu_backward": (ROWS, "dy x alpha dx"),
    "bias_backward_dbias": (ROWS, "dy x bias dx dbias"),
    "bias_backward_dbias_nchw": (NCHW, "dy x bias dx dbias"),
    "bias_backward_dbias_mask": (ROWS, "dy mask dx dbias"),
    "scale_bias_backward": (ROWS, "dy x scale bias dx dscale dbias"),
    "prelu_backward_dalpha": (ROWS, "dy x alpha dx dalpha"),
}
PARAMETERS, SUMS = ("scale", "bias", "alpha"), ("dscale", "dbias", "dalpha")
OUTPUTS = ("y", "dx", "dresidual", *SUMS)


def dense(shape):
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def channels_last(shape):
    rows, channels, height, width = shape
    return [channels * height * width, 1, width * channels, channels]


def encode(dtype, value):
    if dtype == "bf16":  # values here are exact in bf16, or NaN
        return struct.pack("<f", value)[2:]
    return struct.pack({"f16": "<e", "f32": "<f", "f64": "<d"}[dtype], value)


def decode(dtype, data):
    if dtype == "bf16":
        return struct.unpack("<f", b"\0\0" + data)[0]
    return struct.unpack({"f16": "<e", "f32": "<f", "f64": "<d"}[dtype], data)[0]


class Worker:
    """The process and its memory."""

    def __init__(self, python=(PYTHON,), **environment):
        self.memory = os.memfd_create("torch_worker_test")
        os.ftruncate(self.memory, MEMORY_BYTES)
        arguments = ["--memory-fd", str(self.memory), "--memory-bytes", str(MEMORY_BYTES), "--threads", "1"]
        self.process = subprocess.Popen(
            [*python, str(WORKER), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[self.memory],
            env={**os.environ, **environment},
        )
        self.hello = json.loads(self.process.stdout.readline())

    def ask(self, request):
        return self.send(json.dumps(request))

    def send(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        """Returns the exit code and what stdout held beside the answers, and stderr."""
        rest, errors = self.process.communicate()
        os.close(self.memory)
        return self.process.returncode, rest, errors.decode()


class Tensor:
    """A tensor in the memory, with values in the order of its indices."""

    def __init__(self, worker, dtype, shape, strides, offset):
        self.memory, self.dtype, self.shape, self.strides, self.offset = worker.memory, dtype, shape, strides, offset

    def spec(self):
        return {"dtype": self.dtype, "shape": self.shape, "strides": self.strides}

    def places(self):
        """The element of each index, counted in memory."""
        places = [0]
        for extent, stride in zip(self.shape, self.strides):
            places = [place + i * stride for place in places for i in range(extent)]
        return places

    def bytes(self):
        """Its bytes, with those between its elements."""
        return os.pread(self.memory, (max(self.places()) + 1) * SIZE[self.dtype], self.offset)

    def write(self, values):
        for place, value in zip(self.places(), values):
            os.pwrite(self.memory, encode(self.dtype, value), self.offset + place * SIZE[self.dtype])

    def write_mask(self, codes):
        bits, kept = int(self.dtype[1]), bytearray(len(codes))
        for place, code in zip(self.places(), codes):
            kept[place * bits // 8] |= code << place * bits % 8
        os.pwrite(self.memory, kept[: (len(codes) * bits + 7) // 8], self.offset)

    def read(self):
        data, size = self.bytes(), SIZE[self.dtype]
        return [decode(self.dtype, data[place * size : (place + 1) * size]) for place in self.places()]


class Call:
    """A request for an op, with random inputs that are multiples of 1/4, so that each z and dx is exact in each dtype."""

    def __init__(self, worker, op, dtype, function, strides_of=dense, misalign=0, inplace=False):
        self.worker, self.op, self.dtype, self.function = worker, op, dtype, function
        self.shape, self.names = OPS[op][0], OPS[op][1].split()
        self.strides, self.misalign, self.inplace = strides_of(self.shape), misalign, inplace
        self.elements = math.prod(self.shape)
        random.seed(op + dtype)
        self.sets = [self._tensors(at) for at in range(SETS)]
        self.inputs = [self._fill(tensors) for tensors in self.sets]

    def _tensors(self, at):
        tensors = {}
        for i, name in enumerate(self.names):
            # 2^32 and more between them, so that no offset fits 32 bits
            offset = ((at * len(self.names) + i + 1) << 33) + self.misalign * SIZE[self.dtype]
            tensors[name] = self._tensor(name, offset)
        if self.inplace:
            tensors["y" if "y" in tensors else "dx"].offset = tensors["x" if "y" in tensors else "dy"].offset
        return tensors

    def _tensor(self, name, offset):
        if name in SUMS:
            return Tensor(self.worker, "f64" if self.dtype == "f64" else "f32", [8], [1], offset)
        if name in PARAMETERS:
            return Tensor(self.worker, self.dtype, [8], [1], offset)
        if name == "mask":
            u2 = self.function["max_value"] is not None
            mask = Tensor(self.worker, "u2" if u2 else "u1", self.shape, self.strides, offset)
            if max(mask.places()) >= self.elements:  # a mask has no gaps
                mask.strides = dense(self.shape)
            return mask
        return Tensor(self.worker, self.dtype, self.shape, self.strides, offset)

    def _fill(self, tensors):
        """Writes inputs, and NaN over the whole range of each output. Returns the inputs."""
        values = {}
        for name, tensor in tensors.items():
            if name in OUTPUTS:
                os.pwrite(tensor.memory, encode(tensor.dtype, math.nan) * (max(tensor.places()) + 1), tensor.offset)
        for name, tensor in tensors.items():
            count = math.prod(tensor.shape)
            if name == "mask" and "dy" in tensors:
                values[name] = [random.randrange(3 if tensor.dtype == "u2" else 2) for _ in range(count)]
                tensor.write_mask(values[name])
            elif name != "mask" and name not in OUTPUTS:
                values[name] = [random.randrange(-8, 9) / (2 if name == "scale" else 4) for _ in range(count)]
                tensor.write(values[name])
        return values

    def request(self):
        return {
            "do": "prepare",
            "op": self.op,
            "dtype": self.dtype,
            **self.function,
            "gain": 1,
            "channel_axis": min(len(self.shape) - 1, 1),
            "tensors": {name: tensor.spec() for name, tensor in self.sets[0].items()},
            "sets": [{name: tensor.offset for name, tensor in tensors.items()} for tensors in self.sets],
        }

    def channel(self, i):
        return i // math.prod(self.shape[2:]) % 8

    def element(self, values, i):
        """Expected results of element i, and the terms of its channel's sums."""
        at = {name: values[name][self.channel(i) if name in PARAMETERS else i] for name in values}
        alpha, threshold, cap = at.get("alpha", self.function["alpha"]), self.function["threshold"], self.function["max_value"]
        if "mask" in at:
            region = ("below", "linear", "saturated")[at["mask"]]
        else:
            z = at["x"] * at.get("scale", 1) + at.get("bias", 0) + at.get("residual", 0)
            region = "below" if not z > threshold else "saturated" if cap is not None and z >= cap else "linear"
        if "dy" not in at:
            return {"y": {"below": alpha * (z - threshold), "saturated": cap, "linear": z}[region]}
        dz = at["dy"] * {"below": alpha, "saturated": 0, "linear": 1}[region]
        dalpha = at["dy"] * at["x"] if region == "below" and "x" in at else 0
        return {
            "dx": dz * at.get("scale", 1),
            "dresidual": dz,
            "dbias": dz,
            "dscale": dz * at.get("x", 0),
            "dalpha": dalpha,
        }

    def expected(self, at):
        """{name: (values, how far each may be off)} of set `at`. A sum is of the tensors' dtype, as are its terms."""
        results = [self.element(self.inputs[at], i) for i in range(self.elements)]
        expected = {}
        for name in self.outputs():
            if name not in SUMS:
                expected[name] = [result[name] for result in results], [0] * self.elements
                continue
            of = [[result[name] for i, result in enumerate(results) if self.channel(i) == channel] for channel in range(8)]
            expected[name] = [sum(terms) for terms in of], [2 * EPS[self.dtype] * sum(map(abs, terms)) for terms in of]
        return expected

    def outputs(self):
        return [name for name in self.names if name in OUTPUTS]

    def state(self, at):
        """The bytes of the outputs of a set."""
        return [self.sets[at][name].bytes() for name in self.outputs()]

"""The peers: other programs that compute an op. Each is built only when it is measured, as it may be missing or fail.

A builder takes a Work and returns a Contender, or raises Absent with the reason why this peer has no such op here.
"""

import math
import os
import time
from dataclasses import dataclass
from typing import Any, Callable, Optional

from ops import MODELS, SIZE


class Absent(Exception):
    """This peer does not take part; the text says why."""


@dataclass
class Contender:
    """A program to time. `outputs` maps the result of `run` to tensors with the names of rectify's outputs."""

    who: str
    run: Callable[[], Any]
    outputs: Optional[Callable[[Any], dict]] = None
    moved: Optional[int] = None  # bytes that it really moves, if that is known
    how: str = ""
    clock: str = "events"  # or wall, if it runs on streams of its own
    wait: Optional[Callable[[Any], None]] = None  # waits for the result of run(), with clock wall
    step: Optional[Callable[[], Any]] = None  # forward and backward, to measure their memory
    checked: bool = False
    notes: Optional[dict] = None


# torch ---------------------------------------------------------------------------------------------------------------


def torch_functions(torch):
    """The usual code for each family, as a function of x and the named operands."""
    F = torch.nn.functional

    def keras_relu(x, negative_slope=0.1, threshold=0.5, low=0.0, high=6.0):
        """Keras 3's relu(x, negative_slope, max_value, threshold), operation by operation as its torch backend runs
        it. Keras makes its three scalars into tensors anew in every call, each with a copy to the device; here they stay
        scalars, which favours Keras."""
        negative = F.relu(-x + threshold)
        x = x * torch.greater(x, threshold).to(x.dtype)
        x = torch.clip(x, low, high)
        x -= negative_slope * negative
        return x

    return {
        "relu": lambda x: F.relu(x),
        "leaky": lambda x: F.leaky_relu(x, 0.01),
        "clip": lambda x: F.hardtanh(x, 0.0, 6.0),
        "threshold": lambda x: F.threshold(x, 0.5, 0.0),
        "prelu": lambda x, alpha: F.prelu(x, alpha),
        "bias_leaky": lambda x, bias: F.leaky_relu(x + bias, 0.01),
        "residual_leaky": lambda x, residual: F.leaky_relu(x + residual, 0.01),
        "scale_shift_leaky": lambda x, scale, bias: F.leaky_relu(x * scale + bias, 0.01),
        "addcmul": lambda x, scale, bias: F.leaky_relu(torch.addcmul(bias, x, scale), 0.01),
        "keras_relu": keras_relu,
        "models": lambda x, alphas: [F.leaky_relu(x, alpha) for alpha in alphas],
    }


# Tensors of x's size that eager torch moves, kernel by kernel; a bool tensor is a byte an element.
EAGER_FORWARD = {
    "relu": 2,
    "leaky": 2,
    "clip": 2,
    "threshold": 2,
    "prelu": 2,
    "bias_leaky": 4,
    "residual_leaky": 5,
    "scale_shift_leaky": 6,
    "addcmul": 4,
}
EAGER_BACKWARD = {"leaky": 3, "prelu": 5, "bias_leaky": 4, "residual_leaky": 3, "scale_shift_leaky": 10}


def moved_forward(work, family):
    s, n = SIZE[work.dtype], work.elements
    if family == "models":
        return 2 * s * n
    if family == "keras_relu":  # neg, add, relu, greater, cast, mul, clip, mul, sub
        return n * (2 * s + 2 * s + 2 * s + (s + 1) + (1 + s) + 3 * s + 2 * s + 2 * s + 3 * s)
    return s * n * EAGER_FORWARD[family]


class Torch:
    """Eager torch, and torch.compile of the same functions."""

    def __init__(self, torch, cuda, compile_seconds):
        self.torch, self.cuda = torch, cuda
        self.functions = torch_functions(torch)
        self.compile_left, self.last_compile, self.least_compile = compile_seconds, 0.0, 0.0

    def _arguments(self, work):
        named = {**work.params, **({"residual": work.residual} if work.op.residual else {})}
        if work.op.family == "models":
            # The values in the tensor of alphas, which a 16-bit dtype has rounded.
            return [[float(alpha) for alpha in work.params["alpha"]]]
        order = {
            "scale_shift_leaky": ("scale", "bias"),
            "prelu": ("alpha",),
            "bias_leaky": ("bias",),
            "residual_leaky": ("residual",),
        }.get(work.op.family, ())
        # If the channels are the last axis, a parameter broadcasts without a reshape; prelu knows its axis.
        return [named[name] for name in order]

    def eager_forward(self, work, family=None, who="torch eager", how=""):
        family = family or work.op.family
        function, arguments = self.functions[family], self._arguments(work)
        how = how or {
            "scale_shift_leaky": "x * scale + bias, leaky_relu",
            "models": f"{MODELS} calls of leaky_relu",
            "keras_relu": "the operations of Keras 3's torch backend, its three scalar tensors saved",
            "residual_leaky": "x + residual, leaky_relu",
            "bias_leaky": "x + bias, leaky_relu",
            "clip": "hardtanh(0, 6)",
        }.get(family, family)
        return Contender(
            who, lambda: function(work.x, *arguments), lambda y: {"y": y}, moved_forward(work, family), how
        )

    def addcmul_forward(self, work):
        return self.eager_forward(work, "addcmul", "torch addcmul", "torch.addcmul, leaky_relu: two kernels")

    def _graph(self, work, function):
        """A forward with its graph, whose backward can be run repeatedly, and the tensors whose gradients it computes."""
        torch = self.torch
        with torch.enable_grad():
            x = work.x.detach().requires_grad_(True)
            arguments = [a.detach().requires_grad_(True) for a in self._arguments(work)]
            y = function(x, *arguments)
        leaves = [x, *(a for a, name in zip(arguments, self._names(work)) if name in work.sums)]
        return y, leaves

    def _names(self, work):
        """The name of the sum that belongs to each argument."""
        return {"scale_shift_leaky": ("dscale", "dbias"), "prelu": ("dalpha",), "bias_leaky": ("dbias",)}.get(
            work.op.family, ("",)
        )

    def _gradients(self, work):
        names = ("dx", *(name for name in self._names(work) if name in work.sums))
        return lambda gradients: dict(zip(names, gradients))

    def _step(self, work, function):
        """As Work.training_step, for torch: tensors that the graph saves live until backward has run, x itself no
        longer than its last use."""
        torch = self.torch

        def step():
            with torch.enable_grad():
                base = work.x.detach().requires_grad_(True)
                arguments = [a.detach().requires_grad_(True) for a in self._arguments(work)]
                x = base.clone()  # makes x an inner activation: it saves nothing and passes its gradient on unchanged
                y = function(x, *arguments)
                del x
                wanted = [base, *(a for a, name in zip(arguments, self._names(work)) if name in work.sums)]
                return y, torch.autograd.grad(y, wanted, work.dy)

        return step

    def autograd_backward(self, work, who="torch eager"):
        function = self.functions[work.op.family]
        y, leaves = self._graph(work, function)
        grad = self.torch.autograd.grad
        moved = (
            None
            if work.op.family == "keras_relu"
            else SIZE[work.dtype] * work.elements * EAGER_BACKWARD[work.op.family]
        )
        return Contender(
            who,
            lambda: grad(y, leaves, work.dy, retain_graph=True),
            self._gradients(work),
            moved,
            "autograd.grad of a graph that is kept",
            step=self._step(work, function),
        )

    def eager_backward(self, work):
        """The fastest backward of eager torch. For leaky_relu it calls the kernels of autograd without its engine; for
        the others it is autograd itself, whose kernels are not public or too many to call by hand."""
        if work.op.family not in ("leaky", "bias_leaky", "residual_leaky"):
            return self.autograd_backward(work)
        torch, op = self.torch, work.op
        kernel, z = torch.ops.aten.leaky_relu_backward, work.x
        if op.family == "bias_leaky":
            z = work.x + work.params["bias"]
        elif op.family == "residual_leaky":
            z = work.x + work.residual
        if op.family == "bias_leaky":

            def run():
                dz = kernel(work.dy, z, 0.01, False)
                return dz, dz.sum(0)

            how = "aten::leaky_relu_backward and sum(0)"
        else:

            def run():
                return (kernel(work.dy, z, 0.01, False),)

            how = "aten::leaky_relu_backward"
        moved = SIZE[work.dtype] * work.elements * EAGER_BACKWARD[op.family]
        return Contender(
            "torch eager", run, self._gradients(work), moved, how, step=self._step(work, self.functions[op.family])
        )

    def _compile(self, function):
        torch = self.torch
        if self.compile_left <= self.least_compile:
            raise Absent("the time for compilation is used up")
        torch._dynamo.reset()  # so another dtype is a new function, not another version of the last
        # A graph whose backward runs more than once must not donate its buffers.
        torch._functorch.config.donated_buffer = False
        return torch.compile(function, dynamic=False, fullgraph=True)

    def _first_run(self, run):
        """Compiles. The time that it takes is charged to the limit, even if it fails."""
        began = time.perf_counter()
        try:
            return run()
        finally:
            if self.cuda:
                self.torch.cuda.synchronize()
            self.last_compile = time.perf_counter() - began
            self.compile_left -= self.last_compile
            # The first also loads the compiler, so its time does not predict that of later ones.
            self.least_compile = min(self.last_compile, self.least_compile or math.inf)

    def compiled_forward(self, work):
        compiled, arguments = self._compile(self.functions[work.op.family]), self._arguments(work)
        self._first_run(lambda: compiled(work.x, *arguments))
        return Contender(
            "torch.compile",
            lambda: compiled(work.x, *arguments),
            lambda y: {"y": y},
            None,
            "dynamic=False",
            notes={"compile_s": round(self.last_compile, 2)},
        )

    def compiled_backward(self, work):
        if work.op.family not in ("bias_leaky", "prelu") or work.op.layout != "rows" or work.op.source != "x":
            raise Absent("compiled only for bias_leaky and prelu along rows")
        compiled = self._compile(self.functions[work.op.family])
        grad = self.torch.autograd.grad

        def first():
            y, leaves = self._graph(work, compiled)
            grad(y, leaves, work.dy, retain_graph=True)
            return y, leaves

        y, leaves = self._first_run(first)
        return Contender(
            "torch.compile",
            lambda: grad(y, leaves, work.dy, retain_graph=True),
            self._gradients(work),
            None,
            "autograd.grad of a compiled forward's graph",
            step=self._step(work, compiled),
            notes={"compile_s": round(self.last_compile, 2)},
        )

    def copy(self, work):
        """A copy that moves as many bytes, for comparison with any op."""
        half = work.useful_bytes // 2
        source = self.torch.empty(half, dtype=self.torch.uint8, device=work.x.device).fill_(1)
        target = self.torch.empty_like(source)
        return Contender("copy", lambda: target.copy_(source), None, 2 * half, "copy_ of half the bytes", checked=True)


# Triton --------------------------------------------------------------------------------------------------------------


def triton_contender(work, torch, time_of):
    """A hand-written leaky ReLU, with the best of a few block sizes. `time_of` times a single contender."""
    if work.op.name not in ("leaky_forward", "leaky_backward"):
        raise Absent("written only for plain leaky_relu")
    if work.x.device.type != "cuda" and not os.environ.get("TRITON_INTERPRET"):
        raise Absent("needs a GPU")
    if work.elements >= 2**31:
        raise Absent("written only for offsets of 32 bits")
    try:
        import triton_leaky as kernels
    except ImportError as error:
        raise Absent(f"no triton: {error}") from error
    result = torch.full_like(work.x, float("nan"))

    def contender(block, warps):
        if work.op.backward:

            def run():
                kernels.backward(work.dy, work.x, result, 0.01, block, warps)
                return result

        else:

            def run():
                kernels.forward(work.x, result, 0.01, block, warps)
                return result

        name = "dx" if work.op.backward else "y"
        return Contender(
            "triton",
            run,
            lambda value: {name: value},
            work.useful_bytes,
            f"block of {block}, {warps} warps: the best of {len(kernels.SHAPES)}",
        )

    tried = [contender(*shape) for shape in kernels.SHAPES]
    best = min(tried, key=time_of)
    result.fill_(float("nan"))
    return best


# JAX -----------------------------------------------------------------------------------------------------------------


class Jax:
    """jax.jit on the same device. JAX is imported at its first use, because most of a run does not need it."""

    def __init__(self, cuda):
        self.cuda, self.jax, self.reason, self.device = cuda, None, "", None

    def _load(self):
        if self.reason:
            raise Absent(self.reason)
        if self.jax is not None:
            return
        # Set before the import: JAX would otherwise reserve three quarters of the GPU's memory.
        os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
        if not self.cuda:
            os.environ.setdefault("JAX_PLATFORMS", "cpu")
        try:
            import jax

            self.device = jax.devices("gpu" if self.cuda else "cpu")[0]
            self.jax = jax
        except Exception as error:  # an installation may raise any exception
            self.reason = f"no jax here: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
            raise Absent(self.reason) from error

    def _share(self, tensor, torch):
        """The tensor itself as a JAX array, or a copy of it if JAX cannot share its memory."""
        jax = self.jax
        try:
            return jax.dlpack.from_dlpack(tensor), "the same buffer by DLPack"
        except Exception:
            host = tensor.cpu()
            if tensor.dtype == torch.bfloat16:
                host = host.view(torch.int16).numpy().view(jax.numpy.bfloat16)
            else:
                host = host.numpy()
            return jax.device_put(host, self.device), "a copy of the buffer"

    def _back(self, array, like, torch):
        try:
            return torch.from_dlpack(array)
        except Exception:
            import numpy as np

            host = np.asarray(array)
            if like.dtype == torch.bfloat16:
                return torch.from_numpy(host.view(np.int16).copy()).view(torch.bfloat16).to(like.device)
            return torch.from_numpy(host.copy()).to(like.device)

    def contender(self, work, torch):
        if work.op.name not in ("leaky_forward", "keras_relu_forward"):
            raise Absent("compared only for leaky_forward and keras_relu_forward")
        self._load()
        jax = self.jax
        jnp = jax.numpy

        def keras_relu(x, negative_slope=0.1, threshold=0.5, high=6.0):
            negative = jax.nn.relu(-x + threshold)
            x = x * jnp.greater(x, threshold).astype(x.dtype)
            return jnp.clip(x, 0.0, high) - negative_slope * negative

        function = jax.jit(keras_relu if work.op.family == "keras_relu" else lambda x: jax.nn.leaky_relu(x, 0.01))
        if work.x.device.type == "cuda":
            torch.cuda.synchronize()  # x must be written before another stream reads it
        x, how = self._share(work.x.detach(), torch)
        function(x).block_until_ready()
        return Contender(
            "jax jit",
            lambda: function(x),
            lambda y: {"y": self._back(y.block_until_ready(), work.x, torch)},
            None,
            how,
            clock="wall",
            wait=lambda y: y.block_until_ready(),
        )


# CuPy ----------------------------------------------------------------------------------------------------------------


def cupy_contender(work, torch):
    """An ElementwiseKernel over the same buffers, on torch's stream."""
    if work.op.name != "leaky_forward":
        raise Absent("written only for leaky_forward")
    if work.x.device.type != "cuda":
        raise Absent("needs a GPU")
    try:
        import cupy
    except Exception as error:
        raise Absent(f"no cupy: {error}") from error

    def share(tensor):
        if tensor.dtype != torch.bfloat16:
            return cupy.from_dlpack(tensor)
        import ml_dtypes  # numpy's name of bf16, which cupy 14 knows

        return cupy.from_dlpack(tensor.view(torch.int16)).view(ml_dtypes.bfloat16)

    result = torch.full_like(work.x, float("nan"))
    kernel = cupy.ElementwiseKernel(
        "T x, float32 alpha",
        "T y",
        "float v = (float)x; y = (T)(v > 0.0f ? v : alpha * v)",
        "rectify_peers_leaky_" + work.dtype,
    )
    x, y, alpha = share(work.x), share(result), cupy.float32(0.01)
    ours = torch.cuda.current_stream().cuda_stream
    if cupy.cuda.get_current_stream().ptr != ours:
        cupy.cuda.ExternalStream(ours).use()  # it must run on torch's stream, whose events time it

    def run():
        kernel(x, alpha, y)
        return result

    return Contender("cupy", run, lambda value: {"y": value}, work.useful_bytes, "ElementwiseKernel")


def builders(work, torch_peers, time_of):
    """The peers of an op: (who, how to build it)."""
    torch = torch_peers.torch
    yield "copy", lambda: torch_peers.copy(work)
    if work.op.backward:
        yield "torch eager", lambda: torch_peers.eager_backward(work)
        if work.op.name == "leaky_backward":
            yield "torch autograd", lambda: torch_peers.autograd_backward(work, "torch autograd")
        yield "torch.compile", lambda: torch_peers.compiled_backward(work)
    else:
        yield "torch eager", lambda: torch_peers.eager_forward(work)
        if work.op.family == "scale_shift_leaky":
            yield "torch addcmul", lambda: torch_peers.addcmul_forward(work)
        yield "torch.compile", lambda: torch_peers.compiled_forward(work)
    if work.op.name in ("leaky_forward", "leaky_backward"):
        yield "triton", lambda: triton_contender(work, torch, time_of)


def late_builders(work, torch_peers, jax_peer):
    """The peers with a runtime of their own. They are measured last, because an abort in such a runtime cannot be
    caught."""
    torch = torch_peers.torch
    yield "copy", lambda: torch_peers.copy(work)
    if work.op.name == "leaky_forward":
        yield "cupy", lambda: cupy_contender(work, torch)
    yield "jax jit", lambda: jax_peer.contender(work, torch)


WHO = ("copy", "torch eager", "torch autograd", "torch addcmul", "torch.compile", "triton", "jax jit", "cupy")
LATE_WHO, LATE_OPS = ("jax jit", "cupy"), ("leaky_forward", "keras_relu_forward")

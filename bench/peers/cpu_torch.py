"""PyTorch as a peer of cpu.py: each op in the fewest passes over memory that usual code has, into given buffers if
PyTorch has a form with out=.

A function here runs its op `calls` times. torch.jit.script compiles the loop, so that PyTorch's C++ call is timed: a
call from Python takes 3 to 7 us more, a tenth or more of the op's time for 1 MiB. The optimiser of scripts is off,
because it could merge equal calls or fuse ops that eager PyTorch does not. If torch.jit.script fails (it is deprecated),
the same functions run as Python.
"""

import warnings
from dataclasses import dataclass
from typing import Any, Callable

import torch
from torch import Tensor

from contenders import Absent
from cpu_timing import Contender


def relu(x: Tensor, y: Tensor, calls: int):
    for _ in range(calls):
        torch.clamp_min(x, 0, out=y)  # aten::relu calls this; its own out= form makes a copy


def leaky(x: Tensor, y: Tensor, calls: int):
    for _ in range(calls):
        torch.ops.aten.leaky_relu(x, 0.01, out=y)


def clip(x: Tensor, y: Tensor, calls: int):
    for _ in range(calls):
        torch.ops.aten.hardtanh(x, 0.0, 6.0, out=y)


def threshold(x: Tensor, y: Tensor, calls: int):
    for _ in range(calls):
        torch.ops.aten.threshold(x, 0.5, 0.0, out=y)


def relu_backward(dy: Tensor, x: Tensor, dx: Tensor, calls: int):
    for _ in range(calls):
        torch.ops.aten.threshold_backward(dy, x, 0.0, grad_input=dx)


def leaky_backward(dy: Tensor, z: Tensor, dx: Tensor, calls: int):
    for _ in range(calls):
        torch.ops.aten.leaky_relu_backward(dy, z, 0.01, False, grad_input=dx)


def clip_backward(dy: Tensor, x: Tensor, dx: Tensor, calls: int):
    for _ in range(calls):
        torch.ops.aten.hardtanh_backward(dy, x, 0.0, 6.0, grad_input=dx)


def threshold_backward(dy: Tensor, x: Tensor, dx: Tensor, calls: int):
    for _ in range(calls):
        torch.ops.aten.threshold_backward(dy, x, 0.5, grad_input=dx)


def add_leaky(x: Tensor, other: Tensor, y: Tensor, calls: int):
    for _ in range(calls):
        torch.add(x, other, out=y)
        torch.ops.aten.leaky_relu_(y, 0.01)


def bias_backward(dy: Tensor, z: Tensor, dx: Tensor, dbias: Tensor, calls: int):
    for _ in range(calls):
        torch.ops.aten.leaky_relu_backward(dy, z, 0.01, False, grad_input=dx)
        torch.sum(dx, [0], out=dbias)


def addcmul_leaky(x: Tensor, scale: Tensor, bias: Tensor, y: Tensor, calls: int):
    for _ in range(calls):
        torch.addcmul(bias, x, scale, out=y)
        torch.ops.aten.leaky_relu_(y, 0.01)


def scale_bias_backward(
    dy: Tensor,
    z: Tensor,
    x: Tensor,
    scale: Tensor,
    dx: Tensor,
    scratch: Tensor,
    dscale: Tensor,
    dbias: Tensor,
    calls: int,
):
    for _ in range(calls):
        torch.ops.aten.leaky_relu_backward(dy, z, 0.01, False, grad_input=dx)
        torch.sum(dx, [0], out=dbias)
        torch.mul(dx, x, out=scratch)
        torch.sum(scratch, [0], out=dscale)
        torch.ops.aten.mul_(dx, scale)


def prelu(x: Tensor, alpha: Tensor, calls: int) -> Tensor:
    y = x
    for _ in range(calls):
        y = torch.prelu(x, alpha)
    return y


def prelu_backward(dy: Tensor, x: Tensor, alpha: Tensor, dalpha: Tensor, calls: int) -> Tensor:
    dx = x
    for _ in range(calls):
        dx, terms = torch.ops.aten._prelu_kernel_backward(dy, x, alpha)
        torch.sum(terms, [0], out=dalpha)
    return dx


@dataclass
class Recipe:
    """How PyTorch computes an op: a function above, the tensors that it takes, and a description. `returns` names the
    output that PyTorch allocates in each call."""

    function: Callable
    takes: str
    how: str
    returns: str = ""


LEAKY_BACKWARD = Recipe(leaky_backward, "dy z dx", "leaky_relu_backward")
BIAS_BACKWARD = Recipe(bias_backward, "dy z dx dbias", "leaky_relu_backward, sum(0)")
RECIPES = {
    "relu_forward": Recipe(relu, "x y", "clamp_min(0)"),
    "leaky_forward": Recipe(leaky, "x y", "leaky_relu"),
    "clip_forward": Recipe(clip, "x y", "hardtanh(0, 6)"),
    "threshold_forward": Recipe(threshold, "x y", "threshold"),
    "relu_backward": Recipe(relu_backward, "dy x dx", "threshold_backward"),
    "leaky_backward": LEAKY_BACKWARD,
    "clip_backward": Recipe(clip_backward, "dy x dx", "hardtanh_backward"),
    "threshold_backward": Recipe(threshold_backward, "dy x dx", "threshold_backward"),
    "leaky_forward_mask": Recipe(leaky, "x y", "leaky_relu, no mask"),
    "leaky_backward_mask": LEAKY_BACKWARD,
    "bias_leaky_forward": Recipe(add_leaky, "x bias y", "add, leaky_relu_"),
    "bias_leaky_backward": BIAS_BACKWARD,
    "bias_leaky_backward_mask": BIAS_BACKWARD,
    "residual_leaky_forward": Recipe(add_leaky, "x residual y", "add, leaky_relu_"),
    "residual_leaky_backward_mask": LEAKY_BACKWARD,
    "scale_shift_leaky_forward": Recipe(addcmul_leaky, "x scale bias y", "addcmul, leaky_relu_"),
    "scale_shift_leaky_backward": Recipe(
        scale_bias_backward,
        "dy z x scale dx scratch dscale dbias",
        "leaky_relu_backward, sum(0), mul, sum(0), mul_",
    ),
    "prelu_forward": Recipe(prelu, "x alpha", "prelu, y allocated", "y"),
    "prelu_backward": Recipe(
        prelu_backward, "dy x alpha dalpha", "_prelu_kernel_backward, sum(0), two allocated", "dx"
    ),
}


class TorchCpu:
    """PyTorch as a contender."""

    who = "PyTorch"

    def __init__(self, threads):
        torch.set_num_threads(threads)
        self.compiled = {}

    def contender(self, work):
        recipe = RECIPES.get(work.op.name)
        if recipe is None:
            raise Absent("PyTorch has no such op")
        tensors = {name: self._tensor(name, work) for name in recipe.takes.split()}
        arguments, function = list(tensors.values()), self._looped(recipe.function)
        results = {name: tensors[name] for name in work.outputs if name in tensors}

        def outputs(returned):
            return {**results, recipe.returns: returned} if recipe.returns else results

        return Contender(self.who, lambda calls: function(*arguments, calls), outputs, recipe.how)

    def _looped(self, function):
        """Compiles the function. The optimiser is off in its first run too, because a script is optimised then."""
        name = function.__name__
        if name not in self.compiled:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)
                    script = torch.jit.script(function)
            except Exception:
                script = function
            self.compiled[name] = script

        def run(*arguments):
            with torch.jit.optimized_execution(False):
                return self.compiled[name](*arguments)

        return run

    def _tensor(self, name, work):
        """Rectify's own buffer, or one that only PyTorch needs, made beforehand."""
        if name in ("scratch", "z"):
            return torch.empty_like(work.x) if name == "scratch" else self._z(work)
        if name in work.sums:  # of the parameter's dtype, as autograd has them
            return torch.empty(work.channels, dtype=work.x.dtype)
        known = {"x": work.x, "dy": work.dy, "residual": work.residual, **work.params, **work.elementwise}
        return known[name]

    def _z(self, work):
        """The input of leaky_relu, saved by the forward."""
        bias = work.params.get("bias")
        if "scale" in work.params:
            return torch.addcmul(bias, work.x, work.params["scale"])
        other = work.residual if work.op.residual else bias
        return work.x if other is None else work.x + other

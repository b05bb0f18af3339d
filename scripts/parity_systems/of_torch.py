"""PyTorch, eager, on the CPU."""

import numpy as np
import torch
import torch.nn.functional as F
from elements import text
from functions import Function, System

DTYPES = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "f64": torch.float64}


def tensor(array, dtype):
    if dtype == "bf16":
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16)
    return torch.from_numpy(array.copy())


def array(tensor, dtype):
    tensor = tensor.detach()
    return tensor.view(torch.int16).numpy().view(np.uint16) if dtype == "bf16" else tensor.numpy()


def run(function, x, dys, dtype):
    x = tensor(x, dtype).requires_grad_()
    y = function.call(x)
    dxs = [torch.autograd.grad(y, x, tensor(dy, dtype), retain_graph=True)[0] for dy in dys]
    return array(y, dtype), [array(dx, dtype) for dx in dxs]


def prelu(weight):
    return lambda x: F.prelu(x, torch.tensor([weight], dtype=x.dtype))


def functions():
    """leaky_relu(0.01) is the default."""
    return [
        Function("relu", F.relu),
        Function("relu6", F.relu6, max_value=6),
        Function("hardtanh(0, 5)", lambda x: F.hardtanh(x, 0, 5), max_value=5),
        Function("hardtanh(0, 0.1)", lambda x: F.hardtanh(x, 0, 0.1), max_value=0.1),
        Function("clamp(0, 5)", lambda x: torch.clamp(x, 0, 5), max_value=5),
        Function("clamp(0, 0.1)", lambda x: torch.clamp(x, 0, 0.1), max_value=0.1),
        Function("clamp_min(0)", lambda x: torch.clamp_min(x, 0)),
        Function("leaky_relu(0.01)", F.leaky_relu, alpha=0.01),
        Function("leaky_relu(0.3)", lambda x: F.leaky_relu(x, 0.3), alpha=0.3),
        Function("leaky_relu(-2)", lambda x: F.leaky_relu(x, -2), alpha=-2),
        Function("leaky_relu(0)", lambda x: F.leaky_relu(x, 0)),
        Function("prelu(0.25)", prelu(0.25), alpha=0.25),
        Function("prelu(0)", prelu(0.0)),
        Function("threshold(1, 0)", lambda x: F.threshold(x, 1, 0), threshold=1),
        Function("threshold(0.1, 0)", lambda x: F.threshold(x, 0.1, 0), threshold=0.1),
        Function("RReLU(0.1, 0.3), eval", lambda x: F.rrelu(x, 0.1, 0.3, training=False), alpha=0.2),
    ]


def weight_gradient():
    weight = torch.tensor([0.25], dtype=torch.float16, requires_grad=True)
    x, dy = torch.tensor([-300.0], dtype=torch.float16), torch.tensor([300.0], dtype=torch.float16)
    return text(torch.autograd.grad(F.prelu(x, weight), weight, dy)[0].item(), "f16")


def forward_mode_slope():
    """The slope of PReLU at 0 in forward mode."""
    zero, one = torch.zeros(1), torch.ones(1)
    return text(torch.func.jvp(prelu(0.25), (zero,), (one,))[1].item(), "f32")


def in_place():
    """Backward from y with a negative slope, from which the region cannot be told."""
    x = torch.tensor([-1.0], requires_grad=True)
    y = F.leaky_relu_(x.clone(), -2)
    try:
        return text(torch.autograd.grad(y.sum(), x)[0].item(), "f32")
    except RuntimeError:
        return "RuntimeError"


FACTS = {"weight gradient": weight_gradient, "forward mode": forward_mode_slope, "in place": in_place}


def system():
    torch.set_num_threads(1)
    return System({"torch": torch.__version__.split("+")[0]}, functions(), run, FACTS)

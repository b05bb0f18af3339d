"""Calls of rectify.torch for the tests, each beside the same in torch's own functions, and tensors to call them on."""

import dataclasses
import math
import os
from typing import Callable

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import rectify.torch.functional as F  # noqa: E402

if os.environ.get("RECTIFY_TESTS_NEED_GPU") and not torch.cuda.is_available():
    pytest.exit("RECTIFY_TESTS_NEED_GPU is set, and PyTorch sees no GPU", returncode=1)


def value(z, alpha=0.0, threshold=0.0, max_value=math.inf):
    """The definition, composed of torch's functions."""
    below = alpha * (z - threshold)
    y = torch.where(z > threshold, z, below)
    cap = torch.as_tensor(max_value, dtype=z.dtype, device=z.device)
    return torch.where(torch.isfinite(cap) & (z >= cap), cap, y)


def per_channel(parameter, x):
    return parameter.reshape([-1] + [1] * (x.dim() - 2)) if parameter.numel() > 1 else parameter


def composed(x, *, alpha=0.0, threshold=0.0, max_value=math.inf, scale=None, bias=None, residual=None, gain=1.0):
    """functional.rectify(), composed of torch's functions. channel_axis is 1."""
    z = x
    if scale is not None:
        z = z * per_channel(scale, x)
    if bias is not None:
        z = z + per_channel(bias, x)
    if residual is not None:
        z = z + residual
    numbers = [per_channel(p, x) if isinstance(p, torch.Tensor) else p for p in (alpha, threshold, max_value)]
    return value(z, *numbers) * gain


@dataclasses.dataclass(frozen=True)
class Case:
    """A call on x and on named parameters, which are tensors of C elements, of one, or of x's shape."""

    name: str
    call: Callable
    composed: Callable
    parameters: tuple = ()

    def tensors(self, shape=(2, 3, 4), dtype=torch.float64, seed=0, device="cpu", requires_grad=True):
        """x and the parameters, none of them near a limit of a region (gradcheck moves them by 1e-6)."""
        generator = torch.Generator().manual_seed(seed)
        channels = shape[1]

        def draw(size, low, high):
            return (torch.rand(size, generator=generator, dtype=torch.float64) * (high - low) + low).to(device, dtype)

        make = {
            "scale": lambda: draw(channels, 0.5, 1.5),
            "bias": lambda: draw(channels, -0.5, 0.5),
            "residual": lambda: draw(shape, -0.5, 0.5),
            "alpha": lambda: draw(channels, 0.1, 0.4),
            "alpha1": lambda: draw(1, 0.1, 0.4),
            "threshold": lambda: draw(channels, -0.3, 0.3),
            "max_value": lambda: draw(channels, 0.8, 1.2),
        }
        tensors = [draw(shape, -2, 2), *(make[name]() for name in self.parameters)]
        return [tensor.requires_grad_(requires_grad) for tensor in tensors]


def rectified(name, *parameters, **numbers):
    """A case of functional.rectify() with the parameters as tensors."""
    names = tuple("alpha" if parameter == "alpha1" else parameter for parameter in parameters)
    return Case(
        name,
        lambda x, *tensors, **more: F.rectify(x, **dict(zip(names, tensors)), **numbers, **more),
        lambda x, *tensors: composed(x, **dict(zip(names, tensors)), **numbers),
        parameters,
    )


TF = torch.nn.functional
PLAIN = [
    Case("relu", F.relu, TF.relu),
    Case("relu6", F.relu6, TF.relu6),
    Case("leaky_relu", lambda x, **more: F.leaky_relu(x, 0.2, **more), lambda x: TF.leaky_relu(x, 0.2)),
    Case("leaky_relu_negative", lambda x, **more: F.leaky_relu(x, -0.2, **more), lambda x: TF.leaky_relu(x, -0.2)),
    Case("threshold", lambda x, **more: F.threshold(x, 0.5, **more), lambda x: TF.threshold(x, 0.5, 0)),
    Case("hardtanh", lambda x, **more: F.hardtanh(x, 0, 1.25, **more), lambda x: TF.hardtanh(x, 0, 1.25)),
]
FUSED = [
    Case("prelu", F.prelu, TF.prelu, ("alpha",)),
    Case("prelu_single", F.prelu, TF.prelu, ("alpha1",)),
    Case(
        "fused_leaky_relu",
        F.fused_leaky_relu,
        lambda x, bias: TF.leaky_relu(x + per_channel(bias, x), 0.2) * 2**0.5,
        ("bias",),
    ),
    rectified("clipped_leaky", alpha=0.1, max_value=1.5, gain=0.5),
    rectified("bias_leaky", "bias", alpha=0.1),
    rectified("residual", "residual", alpha=0.1),
    rectified("scale_bias", "scale", "bias", alpha=0.1),
    rectified("learned_threshold", "threshold", alpha=0.1),
    rectified("learned_cap", "max_value", alpha=0.1),
    rectified("learned_cap_relu", "max_value"),
    rectified("all", "scale", "bias", "residual", "alpha", "threshold", "max_value", gain=-1.5),
]
ALL = PLAIN + FUSED


def cases(which=ALL):
    return pytest.mark.parametrize("case", which, ids=lambda case: case.name)


def bits(tensor):
    """The bits of a tensor's elements as integers, all NaN alike."""
    kinds = {2: torch.int16, 4: torch.int32, 8: torch.int64}
    kind = kinds[tensor.element_size()]
    return torch.where(torch.isnan(tensor), torch.tensor(-1, dtype=kind), tensor.contiguous().view(kind))


DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]
device = pytest.mark.parametrize("device", DEVICES)

"""torch.nn's modules over rectify's functions: subclasses with the same arguments and state_dict, and `save`, which chooses
what is kept for backward (functional.py). FusedLeakyReLU is the module of this name in public StyleGAN2 code.
"""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor, nn

from . import functional as F
from .._errors import InvalidArgument
from ._saving import require_save

__all__ = ["BiasLeakyReLU", "FusedLeakyReLU", "Hardtanh", "LeakyReLU", "PReLU", "ReLU", "ReLU6", "Rectify", "Threshold"]


class _Saves:
    """What the modules of torch.nn have more here: `save`."""

    save = "auto"  # of modules that were made before they became rectify's

    def extra_repr(self) -> str:
        text = super().extra_repr()  # type: ignore[misc]
        return text if self.save == "auto" else f"{text}{', ' if text else ''}save={self.save!r}"


def why_not_y(module: nn.Module) -> str:
    """Why a module cannot keep y; empty if it can, or if that depends on the tensor."""
    if isinstance(module, nn.LeakyReLU) and module.negative_slope < 0:
        return f"negative_slope is negative ({module.negative_slope})"
    if isinstance(module, nn.Threshold) and module.threshold < 0:
        return f"threshold is negative ({module.threshold})"
    return ""


def _save_of(module: nn.Module, save: str) -> str:
    reason = why_not_y(module) if require_save(save) == "y" else ""
    if reason:
        raise InvalidArgument(f'save: expected "auto", "mask" or "x", as {reason}, got "y"')
    return save


class ReLU(_Saves, nn.ReLU):
    """max(x, 0). As torch.nn.ReLU."""

    def __init__(self, inplace: bool = False, *, save: str = "auto"):
        super().__init__(inplace)
        self.save = require_save(save)

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, self.inplace, save=self.save)


class ReLU6(_Saves, nn.ReLU6):
    """min(max(x, 0), 6). As torch.nn.ReLU6."""

    def __init__(self, inplace: bool = False, *, save: str = "auto"):
        super().__init__(inplace)
        self.save = require_save(save)

    def forward(self, input: Tensor) -> Tensor:
        return F.relu6(input, self.inplace, save=self.save)


class LeakyReLU(_Saves, nn.LeakyReLU):
    """x above 0, negative_slope * x otherwise. As torch.nn.LeakyReLU, but keeps the output or one bit per element for
    backward instead of the input."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False, *, save: str = "auto"):
        super().__init__(negative_slope, inplace)
        self.save = _save_of(self, save)

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace, save=self.save)


class Threshold(_Saves, nn.Threshold):
    """x above the threshold, 0 otherwise. As torch.nn.Threshold, for value 0 alone."""

    def __init__(self, threshold: float, value: float = 0, inplace: bool = False, *, save: str = "auto"):
        if value != 0:
            raise InvalidArgument(f"value: expected 0, got {value}; torch.nn.Threshold has any value")
        super().__init__(threshold, value, inplace)
        self.save = _save_of(self, save)

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace, save=self.save)


class Hardtanh(_Saves, nn.Hardtanh):
    """min(max(x, 0), max_val), the clipped ReLU. As torch.nn.Hardtanh, for min_val 0 alone, which must be given: the default,
    PyTorch's, is -1."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False, *, save: str = "auto"):
        if min_val != 0:
            raise InvalidArgument(f"min_val: expected 0, got {min_val}; torch.nn.Hardtanh has any min_val")
        super().__init__(min_val, max_val, inplace)
        self.save = require_save(save)

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace, save=self.save)


class PReLU(_Saves, nn.PReLU):
    """x above 0, weight * x otherwise, with a learned weight, one for all channels or one per channel of axis 1. As
    torch.nn.PReLU; the weight's gradient is summed in the pass that computes the gradient of x."""

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device=None, dtype=None, *, save: str = "auto"):
        super().__init__(num_parameters, init, device, dtype)
        self.save = require_save(save)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight, save=self.save)


class FusedLeakyReLU(nn.Module):
    """leaky_relu(x + bias, negative_slope) * scale, with a learned bias per channel of axis 1.

    The arguments, the state_dict (`bias`) and the gradients, also the second ones, are those of FusedLeakyReLU in
    rosinality/stylegan2-pytorch and the code that derives from it; nothing is compiled. save="mask" keeps one bit per
    element, which takes the least memory if the layer is followed by a blur, a resampling or a sum.
    """

    def __init__(
        self, channel: int, bias: bool = True, negative_slope: float = 0.2, scale: float = 2**0.5, *, save: str = "auto"
    ):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channel)) if bias else None
        self.negative_slope = negative_slope
        self.scale = scale
        self.save = require_save(save)

    def forward(self, input: Tensor) -> Tensor:
        return F.fused_leaky_relu(input, self.bias, self.negative_slope, self.scale, save=self.save)

    def extra_repr(self) -> str:
        channels = "no bias" if self.bias is None else f"channel={self.bias.numel()}"
        return f"{channels}, negative_slope={self.negative_slope}, scale={self.scale:.4g}"


class BiasLeakyReLU(nn.Module):
    """leaky_relu(x + bias), with a learned bias along channel_axis: what a convolution or linear layer with bias=False, a
    bias and a LeakyReLU compute, with one pass less in each direction."""

    def __init__(
        self, channels: int, negative_slope: float = 0.01, *, channel_axis: int = 1, save: str = "auto", device=None, dtype=None
    ):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels, device=device, dtype=dtype))
        self.negative_slope = negative_slope
        self.channel_axis = channel_axis
        self.save = require_save(save)

    def forward(self, input: Tensor) -> Tensor:
        return F.bias_leaky_relu(input, self.bias, self.negative_slope, channel_axis=self.channel_axis, save=self.save)

    def extra_repr(self) -> str:
        return f"{self.bias.numel()}, negative_slope={self.negative_slope}, channel_axis={self.channel_axis}"


class Rectify(nn.Module):
    """value(x + residual) * gain with parameters that are numbers: functional.rectify() as a module. For parameters that are
    learned, call the function with them."""

    def __init__(
        self, alpha: float = 0.0, threshold: float = 0.0, max_value: float = float("inf"), *, gain: float = 1.0,
        save: str = "auto",
    ):  # fmt: skip
        super().__init__()
        self.alpha, self.threshold, self.max_value, self.gain = alpha, threshold, max_value, gain
        self.save = require_save(save)

    def forward(self, input: Tensor, residual: Optional[Tensor] = None) -> Tensor:
        return F.rectify(
            input, alpha=self.alpha, threshold=self.threshold, max_value=self.max_value, residual=residual, gain=self.gain,
            save=self.save,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}, threshold={self.threshold}, max_value={self.max_value}, gain={self.gain}"

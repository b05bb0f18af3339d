"""rectify for PyTorch: functions and modules with the names and arguments of torch.nn, on CPU and CUDA tensors.

    from rectify.torch import replace_activations
    print(replace_activations(model))            # torch.nn's activations become rectify's

    import rectify.torch.functional as F
    y = F.leaky_relu(x, 0.2)
    y = F.rectify(x, alpha=0.2, bias=bias, residual=skip, gain=2**0.5)

`functional` has the functions and says what every operand means; `modules` has the modules.
"""

try:
    import torch as _torch
except ImportError as error:
    raise ImportError("rectify.torch needs PyTorch 2.6 or later: pip install torch") from error
if tuple(map(int, _torch.__version__.split(".")[:2])) < (2, 6):
    raise ImportError(f"rectify.torch needs PyTorch 2.6 or later, and found {_torch.__version__}")

from . import functional
from ._replace import Replaced, replace_activations
from .functional import bias_leaky_relu, fused_leaky_relu, rectify
from .modules import (
    BiasLeakyReLU,
    FusedLeakyReLU,
    Hardtanh,
    LeakyReLU,
    PReLU,
    ReLU,
    ReLU6,
    Rectify,
    Threshold,
)

__all__ = [
    "BiasLeakyReLU", "FusedLeakyReLU", "Hardtanh", "LeakyReLU", "PReLU", "ReLU", "ReLU6", "Rectify", "Replaced", "Threshold",
    "bias_leaky_relu", "functional", "fused_leaky_relu", "rectify", "replace_activations",
]  # fmt: skip

"""The rectifiers by their names: forward with numbers. The parameters are those of include/rectify/presets.hpp."""

from __future__ import annotations

import math
from typing import Any

from ._arrays import Array
from ._calls import forward


def relu(x: Array, **operands: Any) -> Any:
    """max(x, 0), with NaN for NaN: forward(x, **operands).

    operands: the keywords of forward except alpha, threshold and max_value.
    """
    return forward(x, alpha=0.0, threshold=0.0, max_value=math.inf, **operands)


def relu6(x: Array, **operands: Any) -> Any:
    """min(max(x, 0), 6), with NaN for NaN: forward(x, max_value=6, **operands), as in relu."""
    return forward(x, alpha=0.0, threshold=0.0, max_value=6.0, **operands)


def leaky_relu(x: Array, alpha: Any, **operands: Any) -> Any:
    """x above 0, else alpha * x: forward(x, alpha=alpha, **operands), as in relu.

    alpha: a number, or an array (PReLU). It has no default, because systems differ in theirs: 0.01 (PyTorch, JAX,
        ONNX), 0.2 (tf.nn) or 0.3 (Keras's layer).
    """
    return forward(x, alpha=alpha, threshold=0.0, max_value=math.inf, **operands)

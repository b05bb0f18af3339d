"""The functions of rectify.jax.

    y = value(z) * gain,    z = x * scale + bias + residual (what is absent is left out)

    value(z) = alpha * (z - threshold)   if not z > threshold
               max_value                 if z >= max_value
               z                         otherwise

Arrays are of float16, bfloat16, float32 or float64 (the first three are computed in float32), on the CPU or on CUDA. A parameter
(scale, bias, alpha, threshold, max_value) has one element, or one per channel: those are the indices of axis `channel_axis`. Its
dtype is that of x, or float32 beside 16-bit x. Results have x's shape and dtype, and rectify's bits.

Every function may be used under jit, vmap and shard_map, and has reverse-mode derivatives of every order: gradients with respect
to a parameter are summed in the pass that computes the gradient of x. It has no forward mode (jvp, jacfwd, hessian, linearize).

`save` chooses what is kept for backward: "x", "y" or "mask" (1 or 2 bits per element), or "auto": y if the region of an element
can be read off it, otherwise a mask, and x only if the gradient of an array of alphas or scales is needed. The gradients have the
same bits, except if y is rounded across the limit of a region (docs/masks.md).

Errors are raised while JAX traces: InvalidArgument and InvalidType name the operand, what was expected, and what came. On CUDA
without support in this build, the compiled program raises JAX's own error, with rectify's text.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from .._arrays import integer, is_number, number
from .._errors import InvalidArgument, InvalidType
from .._libraries import library_of, require_x64, type_name
from .._saving import require_save
from . import _gradients
from ._calls import Operands, Settings, compute_type, require_dtype
from ._varying import all_axes, varying

_INFINITY = math.inf


def relu(x: ArrayLike, *, save: str = "auto") -> Array:
    """max(x, 0), with NaN for NaN; the slope at 0 is 0. As jax.nn.relu."""
    return rectify(x, save=save)


def relu6(x: ArrayLike, *, save: str = "auto") -> Array:
    """min(max(x, 0), 6); the slope at 0 and at 6 is 0. As jax.nn.relu6."""
    return rectify(x, max_value=6.0, save=save)


def leaky_relu(x: ArrayLike, negative_slope: ArrayLike = 0.01, *, save: str = "auto") -> Array:
    """x above 0, negative_slope * x otherwise. As jax.nn.leaky_relu. The default is JAX's; it is a hyperparameter
    (docs/choosing-alpha.md)."""
    return rectify(x, alpha=negative_slope, save=save)


def prelu(x: ArrayLike, alpha: ArrayLike, *, channel_axis: int = -1, save: str = "auto") -> Array:
    """x above 0, alpha * x otherwise; alpha is an array with one element, or one per channel."""
    return rectify(x, alpha=alpha, channel_axis=channel_axis, save=save)


def bias_leaky_relu(
    x: ArrayLike, bias: ArrayLike, negative_slope: ArrayLike = 0.01, *, channel_axis: int = -1, save: str = "auto"
) -> Array:
    """leaky_relu(x + bias) in one pass, with bias along channel_axis; its gradient is computed in backward's pass."""
    return rectify(x, alpha=negative_slope, bias=bias, channel_axis=channel_axis, save=save)


def fused_leaky_relu(
    x: ArrayLike,
    bias: ArrayLike | None = None,
    negative_slope: ArrayLike = 0.2,
    scale: float = 2**0.5,
    *,
    channel_axis: int = -1,
    save: str = "auto",
) -> Array:
    """leaky_relu(x + bias, negative_slope) * scale: the function of this name in public StyleGAN2 code, differentiable twice."""
    return rectify(x, alpha=negative_slope, bias=bias, gain=scale, channel_axis=channel_axis, save=save)


def rectify(
    x: ArrayLike,
    *,
    alpha: ArrayLike = 0.0,
    threshold: ArrayLike = 0.0,
    max_value: ArrayLike = _INFINITY,
    scale: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    residual: ArrayLike | None = None,
    gain: float = 1.0,
    channel_axis: int = -1,
    save: str = "auto",
) -> Array:
    """value(x * scale + bias + residual) * gain in one pass.

    alpha, threshold, max_value: a number, or an array with one element or one per channel. An array of alphas is PReLU. A number
        is a constant of the compiled program; an array is an input of it.
    residual: an array of x's shape and dtype.
    gain: a number other than 0.
    """
    x = _array("x", x)
    alpha, alphas = _number_and_array("alpha", alpha, 0.0, x)
    threshold, thresholds = _number_and_array("threshold", threshold, 0.0, x)
    max_value, max_values = _number_and_array("max_value", max_value, _INFINITY, x)
    operands = Operands(
        x, _optional("residual", residual, x), _optional("scale", scale, x), _optional("bias", bias, x),
        alphas, thresholds, max_values,
    )  # fmt: skip
    axes = all_axes(operands)
    operands = Operands(*(None if operand is None else varying(operand, axes) for operand in operands))
    gain, channel_axis = number("gain", gain), integer("channel_axis", channel_axis)
    return _compiled(operands, Settings(alpha, threshold, max_value, gain, channel_axis, require_save(save)))


@partial(jax.jit, static_argnums=1, inline=True)
def _compiled(operands: Operands, settings: Settings) -> Array:
    y, _ = _gradients.forward(operands, settings)
    return y


# --- Arguments as operands and constants ------------------------------------------------------------------------------------


def _number_and_array(name: str, value: Any, absent: float, x: Array) -> tuple[float, Array | None]:
    """A parameter as a constant and an array, of which one is absent."""
    if is_number(value):
        return number(name, value), None
    return absent, _array(name, value, x)


def _optional(name: str, value: Any, x: Array) -> Array | None:
    return None if value is None else _array(name, value, x)


def _array(name: str, value: Any, x: Array | None = None) -> Array:
    """An operand as an array of JAX. A number that JAX made an array of has no dtype of its own: it gets the one that x is
    computed in."""
    if isinstance(value, jax.Array):
        if not isinstance(value, jax.core.Tracer) and value.is_deleted():
            raise InvalidArgument(f"{name}: expected an array with values, got one that was deleted or donated")
        if x is not None and getattr(value, "weak_type", False):
            return value.astype(compute_type(x.dtype))
        return value
    if is_number(value):
        return jnp.asarray(value)
    if not isinstance(value, (np.ndarray, np.generic)):
        raise InvalidType(f"{name}: expected an array of JAX or NumPy, or a number, got {type_name(value)}")
    library_of(value).check(name, value)
    require_dtype(name, value.dtype)
    require_x64(name, value.dtype)
    return jnp.asarray(value)

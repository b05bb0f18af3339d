"""The gradients in JAX's own operations, from which their derivatives are taken: those of the second and of every further order.
With g = dy * gain, dz = g * slope(z), and slope(z) = alpha below the threshold, 1 in the linear region, 0 above the cap:

    dx = dz * scale             dscale = sum of dz * x          dalpha = sum of g * (z - threshold) below
    dresidual = dz              dbias = sum of dz               dthreshold = sum of -alpha * g below
                                                                dmax_value = sum of g where saturated

Their values are not used, so that XLA leaves the sums away, and fuses the rest.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from . import _calls
from ._calls import Gradients, Operands, Settings
from ._varying import all_axes, varying


def gradients(dy: Array, source: Array, operands: Operands, settings: Settings, wanted: Gradients) -> list[Array]:
    """What _calls.gradients computes."""
    terms = _Terms(dy, source, operands, settings)
    g, dz = terms.g, terms.dz
    formulas: Gradients = Gradients(
        dx=lambda kind: (dz * terms.scale).astype(dy.dtype),
        dresidual=lambda kind: dz.astype(dy.dtype),
        dscale=lambda kind: terms.sum(dz * terms.x, kind),
        dbias=lambda kind: terms.sum(dz, kind),
        dalpha=lambda kind: terms.sum(g * terms.below_only(terms.z - terms.threshold), kind),
        dthreshold=lambda kind: terms.sum(terms.below_only(-terms.alpha * g), kind),
        dmax_value=lambda kind: terms.sum(jnp.where(terms.saturated, g, 0), kind),
    )
    return [formula(kind) for formula, kind in zip(formulas, wanted) if kind]


class _Terms:
    """What the formulas consist of, in the type in which rectify computes."""

    def __init__(self, dy: Array, source: Array, operands: Operands, settings: Settings):
        self.dy, self.settings = dy, settings
        self.dtype = _calls.compute_type(dy.dtype)
        self.alpha = self._channels(settings.alpha if operands.alpha is None else operands.alpha)
        self.threshold = self._channels(settings.threshold if operands.threshold is None else operands.threshold)
        self.max_value = self._channels(settings.max_value if operands.max_value is None else operands.max_value)
        self.scale = self._channels(1 if operands.scale is None else operands.scale)
        # x and z are used in gradients for which x is kept, and for its regions.
        self.x = (source if settings.save == "x" else dy).astype(self.dtype)
        self.z = self.x * self.scale
        if operands.bias is not None:
            self.z = self.z + self._channels(operands.bias)
        if operands.residual is not None:
            self.z = self.z + operands.residual.astype(self.dtype)
        self.below, self.saturated = self._regions(source, operands)
        self.g = dy.astype(self.dtype) * settings.gain
        self.dz = jnp.where(self.below, self.alpha * self.g, jnp.where(self.saturated, 0, self.g))

    def below_only(self, terms: Array) -> Array:
        return jnp.where(self.below, terms, 0)

    def sum(self, terms: Array, kind: int) -> Array:
        """The sum over everything (1) or for each channel (2)."""
        channels = self.settings.channel_axis % self.dy.ndim if kind == 2 else None
        return terms.sum([axis for axis in range(self.dy.ndim) if axis != channels])

    def _channels(self, parameter: Any) -> Array:
        """A parameter that broadcasts with dy."""
        parameter = jnp.asarray(parameter, self.dtype)
        if parameter.size == 1:
            return parameter.reshape(())
        channels, rank = self.settings.channel_axis % self.dy.ndim, self.dy.ndim
        return parameter.reshape([-1 if axis == channels else 1 for axis in range(rank)])

    def _regions(self, source: Array, operands: Operands) -> tuple[Array, Array]:
        """Where z is below the threshold, and where it is saturated, by rectify: XLA rounds x * scale + bias twice, or not, and
        takes subnormal numbers for 0."""
        settings = self.settings
        if settings.save == "mask":
            regions = _unpacked(source, settings.mask_bits, self.dy.size).reshape(self.dy.shape)
            return regions == 0, regions == 2
        gain = 1.0 if settings.save == "x" else settings.gain  # in y it is part of the cap
        slopes = self._slopes_of_two(source, operands, settings._replace(alpha=2.0, gain=gain))
        return slopes > 1.5 * gain, slopes == 0

    def _slopes_of_two(self, source: Array, operands: Operands, settings: Settings) -> Array:
        """The slopes times gain if alpha were 2, which tell the regions apart."""
        constants = Operands(*(None if a is None else lax.stop_gradient(a) for a in operands))._replace(alpha=None)
        ones = varying(jnp.ones(self.dy.shape, self.dy.dtype), all_axes([self.dy, source]))
        return _calls.gradients(ones, lax.stop_gradient(source), constants, settings, Gradients(dresidual=1))[0]


def _unpacked(mask: Array, bits: int, elements: int) -> Array:
    """The regions of the elements: docs/masks.md has their bits."""
    shifts = jnp.arange(0, 8, bits, dtype=mask.dtype)
    return (mask[:, None] >> shifts[None, :] & (1 << bits) - 1).ravel()[:elements]

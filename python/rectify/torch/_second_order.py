"""Derivatives of the gradients, for create_graph=True, torch.func and forward mode. They are composed of backward passes and
torch's own functions, so they can be differentiated as often as one likes.

With g = dy * gain, dz = g * slope(z), and slope(z) = alpha below the threshold, 1 in the linear region, 0 above the cap:

    dx = dz * scale             dscale = sum of dz * x          dalpha = sum of g * (z - threshold) below
    dresidual = dz              dbias = sum of dz               dthreshold = sum of -alpha * g below
                                                                dmax_value = sum of g where saturated

Let u with the name of an operand be a direction in it. Then the change of y in these directions is

    D(u_x * scale + x * u_scale + u_bias + u_residual) + gain * (u_alpha * (z - threshold) - alpha * u_threshold) below
                                                       + gain * u_max_value where saturated

with D(v) = v * gain * slope(z). The derivative of the gradients with respect to dy, applied to cotangents, is the same
expression with the cotangents as directions.
"""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional

import torch
from torch import Tensor

from . import _ops
from ._kernels import Outputs, compute_type

_DZ = Outputs(dresidual=1)  # dz is the gradient of the residual


class Regions(NamedTuple):
    below: Tensor
    saturated: Tensor


def per_channel(parameter: Tensor, rank: int, channel_axis: int) -> Tensor:
    """A parameter in a shape that can be combined with a tensor of this rank."""
    if parameter.numel() == 1:
        return parameter.reshape(())
    shape = [1] * rank
    shape[channel_axis] = -1
    return parameter.reshape(shape)


class Operands:
    """The tensors of a backward pass, and what is computed from them. `apply` is a backward pass that can be differentiated."""

    def __init__(self, apply: Callable, tensors, call):
        self.apply, self.call = apply, call
        self.dy, self.source, self.scale, self.bias, self.residual, self.alpha, self.threshold, self.max_value = tensors
        self._regions: Optional[Regions] = None

    @property
    def x(self) -> Tensor:
        """Only gradients that require x as the source depend on it."""
        return self.source

    def channels(self, parameter):
        """A parameter, or a number, that can be combined with x."""
        return per_channel(parameter, self.dy.dim(), self.call.channel_axis) if isinstance(parameter, Tensor) else parameter

    def summed(self, terms: Tensor, requested: int) -> Tensor:
        """The sum of the terms as backward returns it: over everything (1) or per channel (2)."""
        terms = terms.to(compute_type(terms)).expand(self.dy.shape)
        axis = self.call.channel_axis % self.dy.dim() if requested == 2 else None
        axes = [i for i in range(self.dy.dim()) if i != axis]
        return terms.sum(axes) if axes else terms

    def times_slope(self, v: Tensor) -> Tensor:
        """D(v). Selected, as everywhere: 0 where the slope is 0."""
        v = v.to(self.dy.dtype).expand(self.dy.shape)
        (dz,) = self.apply(
            v, self.source, self.scale, self.bias, self.residual, self.alpha, self.threshold, self.max_value, self.call, _DZ
        )
        return dz

    @property
    def alpha_or_number(self):
        return self.call.alpha if self.alpha is None else self.alpha

    @property
    def above_threshold(self) -> Tensor:
        """z - threshold, which is read below the threshold alone."""
        z = self.x
        if self.scale is not None:
            z = z * self.channels(self.scale)
        if self.bias is not None:
            z = z + self.channels(self.bias)
        if self.residual is not None:
            z = z + self.residual
        return z - self.channels(self.call.threshold if self.threshold is None else self.threshold)

    @property
    def regions(self) -> Regions:
        """The slope of a function whose alpha is 2 tells the regions apart. They are constants for autograd."""
        if self._regions is None:
            call = self.call
            (slope,) = _ops.backward(
                torch.ones_like(self.dy), self.source, call.save, self.scale, self.bias, self.residual, None, self.threshold,
                self.max_value, 2.0, call.threshold, call.max_value, 1.0, *call.settings[4:], list(_DZ),
            )  # fmt: skip
            self._regions = Regions(slope == 2, slope == 0)
        return self._regions

    def below(self, v) -> Tensor:
        """gain * v below the threshold, 0 elsewhere."""
        return torch.where(self.regions.below, v * self.call.gain, 0)

    def saturated(self, v) -> Tensor:
        return torch.where(self.regions.saturated, v * self.call.gain, 0)


def _sum(terms):
    """The sum of those terms that are not None; None if there is none."""
    terms = [term for term in terms if term is not None]
    return sum(terms[1:], terms[0]) if terms else None


def _product(u: Optional[Tensor], factor) -> Optional[Tensor]:
    return None if u is None else u if factor is None else u * factor


class Directions(NamedTuple):
    """A direction in each operand, or a cotangent of its gradient, in the order of Outputs; None is 0."""

    x: Optional[Tensor] = None
    residual: Optional[Tensor] = None
    scale: Optional[Tensor] = None
    bias: Optional[Tensor] = None
    alpha: Optional[Tensor] = None
    threshold: Optional[Tensor] = None
    max_value: Optional[Tensor] = None


def direction_of_z(at: Operands, u: Directions) -> Optional[Tensor]:
    scale = None if at.scale is None else at.channels(at.scale)
    return _sum([
        _product(u.x, scale),
        u.residual,
        None if u.scale is None else at.channels(u.scale) * at.x,
        None if u.bias is None else at.channels(u.bias),
    ])  # fmt: skip


def direction_of_y(at: Operands, u: Directions) -> Optional[Tensor]:
    """The change of y in the directions; None if there is none."""
    v = direction_of_z(at, u)
    terms = [None if v is None else at.times_slope(v)]
    if u.alpha is not None:
        terms.append(at.below(at.channels(u.alpha) * at.above_threshold))
    if u.threshold is not None and not (at.alpha is None and at.call.alpha == 0):
        terms.append(at.below(-at.channels(at.alpha_or_number) * at.channels(u.threshold)))
    if u.max_value is not None:
        terms.append(at.saturated(at.channels(u.max_value)))
    return _sum(terms)


def second_order(apply: Callable, tensors, call, outputs: Outputs, cotangents, needs):
    """The gradients of a backward pass's dy, source, scale, bias, residual, alpha, threshold and max_value, given the
    cotangents of the gradients that it computed."""
    at = Operands(apply, tensors, call)
    given = iter(cotangents)
    u = Directions(*(next(given) if requested else None for requested in outputs))
    need_dy, need_x, need_scale, need_bias, need_residual, need_alpha, need_threshold, _ = needs[:8]
    v = direction_of_z(at, u)
    dz = at.times_slope(at.dy) if (u.scale is not None and need_x) or (u.x is not None and need_scale) else None
    of_z = None if u.alpha is None else at.below(at.dy * at.channels(u.alpha))  # dalpha's terms, differentiated by z
    scale = None if at.scale is None else at.channels(at.scale)
    of_x = [None if u.scale is None or dz is None else dz * at.channels(u.scale), _product(of_z, scale)]
    of_scale = [None if u.x is None or dz is None else dz * u.x, None if of_z is None else of_z * at.x]
    of_alpha = _sum([v, None if u.threshold is None else -at.channels(u.threshold)])
    return (
        direction_of_y(at, u) if need_dy else None,
        _sum(of_x) if need_x else None,
        _parameter(at, _sum(of_scale), at.scale, need_scale),
        _parameter(at, of_z, at.bias, need_bias),
        of_z if need_residual else None,
        _parameter(at, None if of_alpha is None or not need_alpha else at.below(at.dy * of_alpha), at.alpha, need_alpha),
        _parameter(at, None if of_z is None else -of_z, at.threshold, need_threshold),
        None,  # no gradient depends on max_value but at the cap
    )


def _parameter(at: Operands, terms: Optional[Tensor], parameter: Optional[Tensor], needed: bool) -> Optional[Tensor]:
    if terms is None or parameter is None or not needed:
        return None
    return at.summed(terms, 1 if parameter.numel() == 1 else 2).reshape(parameter.shape)


def direction_of_gradients(at: Operands, ddy: Optional[Tensor], u: Directions, outputs: Outputs) -> tuple[Tensor, ...]:
    """The change of the gradients in a direction of dy and directions of the operands: forward mode over backward."""
    zero = torch.zeros_like(at.dy)
    v = direction_of_z(at, u)
    dz = at.times_slope(at.dy)
    of_dz = _sum([
        zero if ddy is None else at.times_slope(ddy),
        None if u.alpha is None else at.below(at.dy * at.channels(u.alpha)),
    ])  # fmt: skip
    scale = None if at.scale is None else at.channels(at.scale)

    def of_alpha():
        change = _sum([v, None if u.threshold is None else -at.channels(u.threshold)])
        terms = [None if ddy is None else ddy * at.above_threshold, None if change is None else at.dy * change]
        return at.below(_sum([zero, *terms]))

    def of_threshold():
        terms = [None if u.alpha is None else at.dy * at.channels(u.alpha)]
        terms.append(None if ddy is None else ddy * at.channels(at.alpha_or_number))
        return at.below(-_sum([zero, *terms]))

    changes = (  # in the order of Outputs
        lambda: _sum([_product(of_dz, scale), None if u.scale is None else dz * at.channels(u.scale)]),
        lambda: of_dz,
        lambda: _sum([_product(of_dz, at.x), None if u.x is None else dz * u.x]),
        lambda: of_dz,
        of_alpha,
        of_threshold,
        lambda: at.saturated(zero if ddy is None else ddy),
    )
    tensors = [
        change().to(at.dy.dtype).expand(at.dy.shape) for change, kind in zip(changes[:2], outputs[:2]) if kind
    ]  # fmt: skip
    sums = [at.summed(change(), kind) for change, kind in zip(changes[2:], outputs[2:]) if kind]
    return *tensors, *sums

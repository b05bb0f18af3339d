"""The function with its derivatives, in reverse mode and of any order: those of the gradients are taken from _formulas.py."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
from jax import Array

from .._saving import mask_bits, resolve
from . import _calls, _formulas
from ._calls import Gradients, Operands, Settings


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def forward(operands: Operands, settings: Settings) -> tuple[Array, Array | None]:
    """y, and the bytes of a mask if settings.mask_bits is not 0. settings.save is what the caller asks for, such as "auto"."""
    return _calls.forward(operands, settings)


@jax.tree_util.register_static
@dataclass(frozen=True)
class _Plan:
    """What backward computes: constants among the arrays that are kept."""

    settings: Settings
    wanted: Gradients
    shapes: tuple[jax.ShapeDtypeStruct | None, ...]  # of the operands


def _forward(operands: Operands, settings: Settings) -> Any:
    """What forward returns, and what is kept for the gradients of all operands. (symbolic_zeros of custom_vjp would tell which of
    them are wanted. With it, JAX 0.12 raises, and 0.5 returns wrong gradients, when a compiled function is differentiated first by
    one operand and then by another: test_by_one_operand_after_another.)"""
    save, bits = _choose(operands, settings)
    y, mask = forward(operands, settings._replace(mask_bits=bits))  # may be differentiated itself, and then keeps the same
    source = {"x": operands.x, "y": y, "mask": mask}[save]
    beside = operands._replace(x=None)  # with y as the source there is at most a bias
    if save == "mask":
        beside = beside._replace(bias=None, residual=None)
    plan = _Plan(
        settings._replace(save=save, mask_bits=bits),
        Gradients(*map(_kind, Operands._fields, operands)),
        tuple(None if operand is None else jax.ShapeDtypeStruct(operand.shape, operand.dtype) for operand in operands),
    )
    return (y, mask if settings.mask_bits else None), (source, beside, plan)


def _choose(operands: Operands, settings: Settings) -> tuple[str, int]:
    """What is kept, and the bits of an element in a mask, or 0."""
    x, residual, scale, bias, *parameters = operands
    tensors = (x, scale, bias, residual, *parameters)
    save = resolve(settings.save, tensors, settings, _learned)
    return save, mask_bits(tensors, settings, _learned) if save == "mask" else 0


def _learned(operand: Any) -> bool:
    return True  # nothing tells whether a gradient is wanted


def _kind(name: str, operand: Any) -> int:
    """0 for an absent operand, 1 for the gradient of x's shape and for one sum, 2 for a sum for each channel."""
    if operand is None:
        return 0
    return 1 if name in ("x", "residual") or operand.size == 1 else 2


def _backward(settings: Settings, kept: Any, cotangents: Any) -> tuple[Operands]:
    source, operands, plan = kept
    dy, _ = cotangents
    computed = iter(_gradients(plan, dy, source, operands))
    found = (next(computed) if kind else None for kind in plan.wanted)
    return (Operands(*(None if f is None else f.reshape(s.shape).astype(s.dtype) for f, s in zip(found, plan.shapes))),)


forward.defvjp(_forward, _backward)


# --- The gradients as a function, which is linear in dy ---------------------------------------------------------------------


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _gradients(plan: _Plan, dy: Array, source: Array, operands: Operands) -> list[Array]:
    return _calls.gradients(dy, source, operands, plan.settings, plan.wanted)


def _gradients_forward(plan: _Plan, dy: Array, source: Array, operands: Operands) -> Any:
    return _gradients(plan, dy, source, operands), (dy, source, operands)


def _gradients_backward(plan: _Plan, kept: Any, cotangents: list[Array]) -> Any:
    formulas = partial(_formulas.gradients, settings=plan.settings, wanted=plan.wanted)
    return jax.vjp(formulas, *kept)[1](cotangents)


_gradients.defvjp(_gradients_forward, _gradients_backward)

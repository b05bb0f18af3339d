"""The mesh axes along which an array varies, which JAX tracks inside shard_map. Its own operations make their operands vary alike;
the derivative of that is the sum, over devices, of the gradient of a parameter that is the same on all. An FFI call does neither:
JAX would take its results for the same on all devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
from jax import Array


def varying_axes(array: Array) -> frozenset[Any]:
    """The axes; none outside shard_map, and in versions of JAX that do not track them."""
    if not hasattr(jax, "typeof"):  # before 0.6
        return frozenset()
    kind: Any = jax.typeof(array)
    if hasattr(kind, "manual_axis_type"):  # from 0.10 on
        kind = kind.manual_axis_type
        return frozenset(kind.varying)
    return frozenset(getattr(kind, "vma", ()))


def varying(array: Array, axes: frozenset[Any]) -> Array:
    """The array, which varies along these axes too."""
    missing: Any = tuple(axes - varying_axes(array))
    if not missing:
        return array
    lax: Any = jax.lax
    return lax.pcast(array, missing, to="varying") if hasattr(lax, "pcast") else lax.pvary(array, missing)


def all_axes(arrays: Sequence[Array | None]) -> frozenset[Any]:
    """The axes along which at least one of the arrays varies."""
    return frozenset().union(*(varying_axes(array) for array in arrays if array is not None))

"""The calls of the binary by XLA: forward and the gradients as operations of JAX, without derivatives. Operands are checked while
JAX traces, by the library itself, so that an error is one of rectify's and is raised where the call is."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from .. import _rectify
from .._errors import InvalidArgument, InvalidType, Unsupported
from .._saving import mask_bytes
from ._varying import all_axes, varying

Array = jax.Array
_MAX_RANK = 8

for (_name, _platform), _function in _rectify.xla_functions().items():
    jax.ffi.register_ffi_target(_name, _function, platform=_platform)


class Operands(NamedTuple):
    """The tensors of forward; None is an absent one."""

    x: Any
    residual: Any = None
    scale: Any = None
    bias: Any = None
    alpha: Any = None
    threshold: Any = None
    max_value: Any = None


class Gradients(NamedTuple):
    """Something for the gradient of each operand, in the same order."""

    dx: Any = None
    dresidual: Any = None
    dscale: Any = None
    dbias: Any = None
    dalpha: Any = None
    dthreshold: Any = None
    dmax_value: Any = None


class Settings(NamedTuple):
    """What is constant while JAX traces.

    save: what is kept for backward, "x", "y" or "mask"; mask_bits: 1 or 2 with a mask, else 0.
    """

    alpha: float
    threshold: float
    max_value: float
    gain: float
    channel_axis: int
    save: str = "x"
    mask_bits: int = 0

    def _key(self) -> tuple[Any, ...]:
        """Programs with the numbers 0.0 and -0.0 are two, although these are equal."""
        return *map(float.hex, self[:4]), *self[4:]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())


def forward(operands: Operands, settings: Settings) -> tuple[Array, Array | None]:
    """y, and the bytes of the mask if settings.mask_bits is not 0."""
    x = operands.x
    _require(operands, settings)
    results = {"y": jax.ShapeDtypeStruct(x.shape, x.dtype)}
    if settings.mask_bits:
        results["mask"] = jax.ShapeDtypeStruct((mask_bytes(x.size, settings.mask_bits),), np.uint8)
    y, *mask = _call("rectify_forward", x, _present(operands._asdict()), results, settings)
    return y, mask[0] if mask else None


def gradients(dy: Array, source: Array, operands: Operands, settings: Settings, wanted: Gradients) -> list[Array]:
    """The gradients that are wanted: of x and residual 0 or 1, of a parameter 0, 1 (one sum over everything) or 2 (one for each
    channel). `source` is x, y or the mask, as settings.save says. `operands` are those that backward takes beside it."""
    inputs = _present({**operands._asdict(), "x": None, "dy": dy, settings.save: source})
    results = {name: _result(name, kind, dy, settings) for name, kind in wanted._asdict().items() if kind}
    count = len(results)
    size = _workspace_bytes(inputs, results, settings)
    if size:
        results["workspace"] = jax.ShapeDtypeStruct((size + 255,), np.uint8)  # it begins on a boundary of 256 bytes
    return _call("rectify_backward", dy, inputs, results, settings)[:count]


def _result(name: str, kind: int, dy: Array, settings: Settings) -> jax.ShapeDtypeStruct:
    if name in ("dx", "dresidual"):
        return jax.ShapeDtypeStruct(dy.shape, dy.dtype)
    shape = (dy.shape[settings.channel_axis],) if kind == 2 else ()
    return jax.ShapeDtypeStruct(shape, compute_type(dy.dtype))


def compute_type(dtype: Any) -> Any:
    """The type in which rectify computes elements of a dtype, and adds them."""
    return np.float64 if dtype == np.float64 else np.float32


# The rows of core/operand_table.hpp.
_ROWS = ("x", "dy", "y", "mask", *Operands._fields[1:], *Gradients._fields)


def _call(function: str, x: Array, inputs: dict[str, Any], results: dict[str, Any], settings: Settings) -> list[Array]:
    """Operands and results are passed in the order of the rows, with the attributes of python/xla.hpp."""
    ordered = [name for name in _ROWS if name in results] + [name for name in results if name not in _ROWS]
    call = jax.ffi.ffi_call(function, [results[name] for name in ordered], vmap_method="expand_dims")
    found = call(
        *(inputs[name] for name in _ROWS if name in inputs),
        alpha=np.float64(settings.alpha),
        threshold=np.float64(settings.threshold),
        max_value=np.float64(settings.max_value),
        gain=np.float64(settings.gain),
        channel_axis=np.int64(settings.channel_axis),
        rank=np.int64(x.ndim),
        present=np.int64(sum(1 << row for row, name in enumerate(_ROWS) if name in inputs or name in results)),
        mask_bits=np.int64(settings.mask_bits),
    )
    axes = all_axes(list(inputs.values()))
    return [varying(array, axes) for array in found]


# --- Checks -----------------------------------------------------------------------------------------------------------------


def _require(operands: Operands, settings: Settings) -> None:
    """Raises the library's error for operands or settings that are not valid: those of backward from x, which are the same."""
    x = operands.x
    for name, operand in _present(operands._asdict()).items():
        require_dtype(name, operand.dtype)
        _require_not_sharded(name, operand)
        if not all(isinstance(extent, int) for extent in operand.shape):
            raise Unsupported(f"{name}: expected a shape of numbers, as a call is compiled for one, got {operand.shape}")
    if x.ndim > _MAX_RANK:
        raise InvalidArgument(f"x: expected 0 to {_MAX_RANK} axes, got {x.ndim}")
    _workspace_bytes(_present({**operands._asdict(), "dy": x}), {"dx": x}, settings._replace(save="x", mask_bits=0))


def require_dtype(name: str, dtype: Any) -> None:
    if dtype.name not in ("float16", "bfloat16", "float32", "float64"):
        raise InvalidType(f"{name}: expected dtype float16, bfloat16, float32 or float64, got {dtype.name}")


def _require_not_sharded(name: str, array: Array) -> None:
    """On a mesh with axes of AxisType.Explicit, a sharding is part of an array's type, which a foreign function would lose."""
    kind: Any = jax.typeof(array) if hasattr(jax, "typeof") else None
    spec = getattr(getattr(kind, "sharding", None), "spec", ())
    if any(axes is not None for axes in spec):
        got = f"{kind.str_short(short_dtypes=True)} outside of it"
        raise Unsupported(f"{name}: expected one device's part, inside jax.shard_map, of an array sharded by its type, got {got}")


def _workspace_bytes(inputs: dict[str, Any], results: dict[str, Any], settings: Settings) -> int:
    """The bytes that backward needs on the CPU and on CUDA, as XLA may run on both what was traced once."""
    return max(_workspace_bytes_on(cuda, inputs, results, settings) for cuda in _DEVICES)


_DEVICES = (False, True) if _rectify.build()["cuda"] else (False,)


def _workspace_bytes_on(cuda: bool, inputs: dict[str, Any], results: dict[str, Any], settings: Settings) -> int:
    def described(arrays: dict[str, Any], *names: str) -> list[Any]:
        found = map(arrays.get, names)
        return [None if a is None else (0, a.dtype.name, cuda, 0, a.shape, None, True) for a in found]

    dy, x, y, mask = described(inputs, "dy", "x", "y", "mask")
    scale, bias, residual = described(inputs, "scale", "bias", "residual")
    tensors = described(inputs, "alpha", "threshold", "max_value")
    alpha, threshold, max_value = (n if tensor is None else tensor for n, tensor in zip(settings[:3], tensors))
    dx, dresidual, dscale, dbias, dalpha, dthreshold, dmax_value = described(results, *Gradients._fields)
    order = None  # row-major
    return _rectify.workspace_bytes(
        dy, x, y, mask, settings.mask_bits, order, scale, bias, residual, alpha, threshold, max_value, dx, dresidual, dscale,
        dbias, dalpha, dthreshold, dmax_value, settings.channel_axis, settings.gain,
    )  # fmt: skip


def _present(arrays: dict[str, Any]) -> dict[str, Any]:
    return {name: array for name, array in arrays.items() if array is not None}

"""Tensors that torch.distributed.tensor shards over processes (DTensor). A function of each element runs on the shard that a process
has. Parameters per channel would need the channels of that shard, and sums over all processes: they are rejected."""

from __future__ import annotations

from typing import Callable, Optional, Sequence

from torch import Tensor

from .._errors import Unsupported

_OPERANDS = ("x", "scale", "bias", "residual", "alpha", "threshold", "max_value")


def is_dtensor(tensor: Optional[Tensor]) -> bool:
    """By its name: to import torch.distributed.tensor takes most of a second, and some builds of torch do not have it."""
    return type(tensor).__name__ == "DTensor"


def require_none(tensors: Sequence[Optional[Tensor]], names: Sequence[str] = _OPERANDS) -> None:
    for name, tensor in zip(names, tensors):
        if is_dtensor(tensor):
            text = f"{name}: expected a tensor of this process, got a DTensor; x may be one if the other operands are numbers"
            raise Unsupported(text)


def on_shards(function: Callable[[Tensor], Tensor], x) -> Tensor:
    """function(x), sharded as x is. Terms that are still to be added up over processes are added first, as in torch's functions."""
    from torch.distributed.tensor import DTensor, Replicate

    placements = [Replicate() if placement.is_partial() else placement for placement in x.placements]
    if placements != list(x.placements):
        x = x.redistribute(placements=placements)
    y = function(x.to_local())
    return DTensor.from_local(y, x.device_mesh, placements, run_check=False, shape=x.shape, stride=x.stride())

"""Under torch.compile, the calls that become torch's own operators, so that Inductor fuses them with their neighbours.

Dynamo records rectify::forward for every call. When AOTAutograd makes the graphs of forward and backward of it, a rule of each
operator decides: a call whose operands are numbers becomes _composed.py, unless it keeps a mask, as Inductor would keep 8 bits
per element. Calls with tensors of parameters stay operators, which compute the sums of their gradients in the same pass. The
choice between x and y is made before, and stays: y costs nothing if the next layer keeps it. torch.export records rectify::forward,
which run_decompositions() replaces. `mode.export` is True in versions of torch whose torch.export makes graphs in the same way.
"""

from __future__ import annotations

import math

import torch

from . import _composed
from ._saving import Numbers

_FLOAT = torch.finfo(torch.float32)


def source_for(save: str, kept: str, tensors, call: Numbers) -> str:
    """What backward reads, of a call that keeps `kept` in eager mode: "auto" leaves the mask to the compiler, if it can."""
    return "x" if save == "auto" and kept == "mask" and _is_lowered(tensors[1:], call) else kept


def _is_lowered(parameters, call: Numbers) -> bool:
    """Numbers that are not valid, or not numbers of float32, are left to the operator, which has errors for them and rounds."""
    if any(parameter is not None for parameter in parameters):
        return False
    if not (_fits(call.alpha) and _fits(call.threshold) and _fits(call.gain) and call.gain != 0):
        return False
    return call.threshold <= call.max_value and (call.max_value == math.inf or _fits(call.max_value))


def _fits(number: float) -> bool:
    return number == 0 or _FLOAT.tiny <= abs(number) <= _FLOAT.max


def forward(mode, operator, types, args, kwargs):
    x, *operands = args
    alpha, threshold, max_value, gain, channel_axis, mask_bits, _, _ = operands[6:]
    call = Numbers(alpha, threshold, math.inf if max_value is None else max_value, gain, channel_axis)
    if mode.export or mask_bits or not _is_lowered(operands[:6], call):
        return mode.__torch_dispatch__(operator, types, args, kwargs)
    with mode:
        return _composed.forward((x, *operands[:6]), call), x.new_empty(0, dtype=torch.uint8)


def backward(mode, operator, types, args, kwargs):
    dy, source, source_kind, *operands = args
    call, outputs = Numbers(*operands[6:11]), operands[13]
    rounded_cap = source_kind == "y" and call.gain != 1 and call.max_value != math.inf  # y has the cap times gain, rounded
    only_dx = outputs[0] and not any(outputs[1:])
    if mode.export or source_kind == "mask" or rounded_cap or not only_dx or not _is_lowered(operands[:6], call):
        return mode.__torch_dispatch__(operator, types, args, kwargs)
    with mode:
        dx = _composed.backward(dy, source, source_kind, call)
        return dx, *(dy.new_empty(0) for _ in outputs[1:])

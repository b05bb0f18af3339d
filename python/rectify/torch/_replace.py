"""replace_activations(): torch.nn's activations of a model become rectify's."""

from __future__ import annotations

import dataclasses

from torch import nn

from . import modules
from .._errors import InvalidArgument, InvalidType
from ._saving import require_save

_REPLACEMENTS = {
    nn.ReLU: modules.ReLU,
    nn.ReLU6: modules.ReLU6,
    nn.LeakyReLU: modules.LeakyReLU,
    nn.PReLU: modules.PReLU,
    nn.Threshold: modules.Threshold,
    nn.Hardtanh: modules.Hardtanh,
}


@dataclasses.dataclass(frozen=True)
class Replaced:
    """The names of the modules, as in model.named_modules(): those that were replaced; those that were rectify's already, whose
    `save` was set; and those of the same family that were left, with the reason."""

    replaced: list[str]
    already: list[str]
    left: dict[str, str]

    def __str__(self) -> str:
        text = f"{len(self.replaced)} replaced"
        if self.already:
            text += f", {len(self.already)} were rectify's already"
        elif not self.replaced:
            text += "; functions that forward() calls are no modules"
        return text + "".join(f"\n{name or 'the model itself'}: left, {reason}" for name, reason in self.left.items())


def replace_activations(model: nn.Module, save: str = "auto") -> Replaced:
    """Replaces every nn.ReLU, ReLU6, LeakyReLU, PReLU, Threshold of value 0 and Hardtanh from 0 of the model, in place.

    The objects stay: their class becomes rectify's subclass of it. So hooks, parameters that an optimizer has, shared
    instances, `inplace` and the names in state_dict are as before. Instances of other subclasses are left, and functions that
    forward() calls, such as torch.nn.functional.relu, are no modules. Call it before torch.compile, which does not look at
    the model again. Called again, it sets `save` of all of them. The gradient of a learned weight needs x, so PReLU keeps
    x, whatever `save` is.
    """
    if not isinstance(model, nn.Module):
        raise InvalidType(f"model: expected a torch.nn.Module, got {type(model).__name__}")
    require_save(save)
    kind = type(model).__name__
    if kind == "OptimizedModule" or "ScriptModule" in kind:
        raise InvalidArgument(f"model: expected a module before torch.compile or torch.jit, got {kind}")
    result = Replaced([], [], {})
    for name, module in model.named_modules():
        is_ours = type(module) in _REPLACEMENTS.values()
        reason = _why_left(module, save)
        if reason:
            result.left[name] = reason
        elif is_ours or type(module) in _REPLACEMENTS:
            if not is_ours:
                module.__class__ = _REPLACEMENTS[type(module)]
            module.save = "auto" if isinstance(module, nn.PReLU) else save
            (result.already if is_ours else result.replaced).append(name)
    return result


def _why_left(module: nn.Module, save: str) -> str:
    """Empty if the module can be replaced, or is no activation of this family."""
    kind = type(module)
    if not isinstance(module, tuple(_REPLACEMENTS)):
        return ""
    if kind not in _REPLACEMENTS and kind not in _REPLACEMENTS.values():
        return f"as {kind.__name__} is a subclass of its own"
    if kind is nn.LeakyReLU and not isinstance(module.negative_slope, (int, float)):
        return f"as its negative_slope is a {type(module.negative_slope).__name__}, not a number"
    if kind is nn.Threshold and module.value != 0:
        return f"as its value is {module.value}, not 0"
    if kind is nn.Hardtanh and module.min_val != 0:
        return f"as its min_val is {module.min_val}, not 0"
    if save == "y" and modules.why_not_y(module):
        return f'as {modules.why_not_y(module)}, and save="y" cannot tell its regions'
    return ""

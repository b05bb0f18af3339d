"""What PyTorch executes for each op of rectify-bench: the fewest passes over memory that usual code has, into given
tensors if PyTorch has a form with out=. torch_requests.py makes the tensors and takes the times.

A recipe is text, because PyTorch compiles it: a call from Python takes 3 to 7 us more, a tenth or more of the op's time
for 1 MiB. The optimiser of scripts must be off while it runs, because it could merge equal calls or fuse ops that eager
PyTorch does not.
"""

import re
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor


class Absent(Exception):
    """has no function for the request; the text says why."""


@dataclass
class Activation:
    """The function of three parameters as PyTorch has it: y of x, y in place, and dx of dy and z, which is the input of the
    function, saved by the forward."""

    forward: str
    in_place: str
    backward: str


def activation(alpha, threshold, max_value):
    """max_value is None if there is no cap."""
    if alpha != 0 and (threshold != 0 or max_value is not None):
        raise Absent("has no alpha together with a threshold or a cap")
    if threshold != 0 and max_value is not None:
        raise Absent("has no threshold together with a cap")
    if alpha != 0:
        name, parameters, backward = "leaky_relu", f"{alpha!r}", f"leaky_relu_backward($dy, $z, {alpha!r}, False"
    elif max_value is not None:
        name, parameters, backward = "hardtanh", f"0.0, {max_value!r}", f"hardtanh_backward($dy, $z, 0.0, {max_value!r}"
    elif threshold != 0:
        name, parameters, backward = "threshold", f"{threshold!r}, 0.0", f"threshold_backward($dy, $z, {threshold!r}"
    else:  # aten::relu calls clamp_min; its own out= form makes a copy
        name, parameters, backward = "clamp_min", "0.0", "threshold_backward($dy, $z, 0.0"
    return Activation(
        f"torch.ops.aten.{name}($x, {parameters}, out=$y)",
        f"torch.ops.aten.{name + '_'}($y, {parameters})",
        f"torch.ops.aten.{backward}, grad_input=$dx)",
    )


@dataclass
class Recipe:
    """The statements of a call. $x is the tensor x of the set whose turn it is. {forward}, {in_place} and {backward} are the
    Activation's, and {dims} are all axes but the channels'. `allocates` names the output that PyTorch allocates."""

    statements: tuple
    note: str = ""
    allocates: str = ""

    def uses_activation(self):
        return any(re.search("{(forward|in_place|backward)}", statement) for statement in self.statements)


FORWARD, BACKWARD = ("{forward}",), ("{backward}",)
SUM_DX = "torch.sum($dx, {dims}, out=$dbias)"
ADD_BIAS = Recipe(("torch.add($x, $bias, out=$y)", "{in_place}"))
SAVED = "z instead of a mask"
PRELU_BACKWARD = "dx, terms = torch.ops.aten._prelu_kernel_backward($dy, $x, $alpha)"
RECIPES = {
    "forward": Recipe(FORWARD),
    "backward": Recipe(BACKWARD),
    "forward_mask": Recipe(FORWARD, "no mask"),
    "backward_mask": Recipe(BACKWARD, SAVED),
    "bias_forward": ADD_BIAS,
    "bias_forward_nchw": ADD_BIAS,
    "bias_backward": Recipe(BACKWARD),
    "residual_forward": Recipe(("torch.add($x, $residual, out=$y)", "{in_place}")),
    "residual_backward_mask": Recipe(BACKWARD, SAVED + ", dresidual is dx"),
    "scale_bias_forward": Recipe(("torch.addcmul($bias, $x, $scale, out=$y)", "{in_place}")),
    "prelu_forward": Recipe(("y = torch.prelu($x, $alpha)",), "y allocated", "y"),
    "prelu_backward": Recipe((PRELU_BACKWARD,), "dx and dalpha's terms allocated", "dx"),
    "bias_backward_dbias": Recipe(("{backward}", SUM_DX)),
    "bias_backward_dbias_nchw": Recipe(("{backward}", SUM_DX)),
    "bias_backward_dbias_mask": Recipe(("{backward}", SUM_DX), SAVED),
    "scale_bias_backward": Recipe(
        (
            "{backward}",
            SUM_DX,
            "torch.mul($dx, $x, out=$scratch)",
            "torch.sum($scratch, {dims}, out=$dscale)",
            "torch.ops.aten.mul_($dx, $scale)",
        )
    ),
    "prelu_backward_dalpha": Recipe(
        (PRELU_BACKWARD, "torch.sum(terms, {dims}, out=$dalpha)"), "dx and dalpha's terms allocated", "dx"
    ),
}


class Loop:
    """A recipe compiled for a request: function(LIST OF TENSORS FOR EACH OF names, first, calls) makes the calls, and returns
    the output that PyTorch allocates, if there is one."""

    def __init__(self, request, rank):
        self.recipe = self._recipe(request)
        self.allocates = self.recipe.allocates
        statements = self._statements(request, rank)
        self.names = list(dict.fromkeys(re.findall(r"\$(\w+)", "\n".join(statements))))
        self.how = ", ".join(re.findall(r"torch\.(?:ops\.aten\.)?(\w+)\(", "\n".join(statements)))
        if self.recipe.note:
            self.how += ", " + self.recipe.note
        self.function, self.list_of = self._compile(self._source(statements, len(request["sets"])))

    @staticmethod
    def _recipe(request):
        op, gain = request["op"], request["gain"]
        if op not in RECIPES or gain != 1:
            raise Absent("has no such op")
        is_prelu = op.startswith("prelu")
        if is_prelu and (request["threshold"] != 0 or request["max_value"] is not None):
            raise Absent("prelu has no threshold and no cap")
        if is_prelu and request["channel_axis"] != 1:
            raise Absent("prelu has its channels on axis 1")
        return RECIPES[op]

    def _statements(self, request, rank):
        texts = {"dims": [axis for axis in range(rank) if axis != request["channel_axis"]]}
        if self.recipe.uses_activation():
            cap = request["max_value"]
            cap = None if cap is None else float(cap)
            texts.update(vars(activation(float(request["alpha"]), float(request["threshold"]), cap)))
        return [statement.format(**texts) for statement in self.recipe.statements]

    def _source(self, statements, sets):
        parameters = ", ".join(f"{name}: List[Tensor]" for name in self.names)
        lines = [f"def loop({parameters}, first: int, calls: int):"]
        if self.allocates:
            lines.append(f"    {self.allocates} = x[0]")
        lines += ["    for i in range(calls):", f"        k = (first + i) % {sets}"]
        lines += ["        " + re.sub(r"\$(\w+)", r"\1[k]", statement) for statement in statements]
        if self.allocates:
            lines.append(f"    return {self.allocates}")
        return "\n".join(lines) + "\n"

    def _compile(self, source):
        """Returns the function and one that makes a list for it. A list of torch.jit is not converted in each run, which would
        take 0.1 us for each tensor. If PyTorch cannot compile the source (torch.jit is deprecated), it runs as Python, and
        `how` says so."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                return torch.jit.CompilationUnit(source).loop, torch.jit.script
        except Exception:
            self.how += ", called from Python"
            names = {"torch": torch, "List": list, "Tensor": Tensor}
            exec(source, names)
            return names["loop"], list

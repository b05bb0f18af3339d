"""The bytes that common layers move and keep, unfused and by rectify: counted, not measured. bench/plot.py draws docs/images/traffic.svg.

A pass over a tensor reads or writes each of its elements once. Tensors of one element per channel are not counted. The passes of a
framework are those of PyTorch in eager mode, with its own gradients, for the expressions in LAYERS. tests/bench/traffic_test.py compares
them with what PyTorch's dispatcher calls, and those of rectify with the bytes in a record of rectify-bench.
"""

from typing import NamedTuple

MASK_BITS = 1  # per element, of a function without a cap


class Passes(NamedTuple):
    """Passes over whole tensors, and over masks of one bit per element, forward and backward; and what is kept in between."""

    forward: int
    backward: int
    kept: int
    masks: int = 0  # passes over the mask in each direction; it is kept once

    def moved_bytes(self, item):
        """Bytes per element, forward and backward, for elements of `item` bytes."""
        mask = self.masks * MASK_BITS / 8
        return self.forward * item + mask, self.backward * item + mask

    def kept_bytes(self, item):
        return self.kept * item + self.masks * MASK_BITS / 8


class Layer(NamedTuple):
    title: str
    expression: str  # in PyTorch
    forward: str  # the passes of a framework, in words
    backward: str
    ops: tuple  # of rectify-bench, forward and backward: the fused passes
    unfused: Passes
    fused: Passes
    ops_with_mask: tuple = ()
    with_mask: Passes = None
    why_no_mask: str = ""


WITH_MASK = Passes(forward=2, backward=2, kept=0, masks=1)  # x -> y and mask; dy and mask -> dx
LAYERS = [
    Layer(
        "leaky",
        "F.leaky_relu(x)",
        "leaky",
        "leaky",
        ops=("forward", "backward"),
        unfused=Passes(forward=2, backward=3, kept=1),
        fused=Passes(forward=2, backward=3, kept=1),
        ops_with_mask=("forward_mask", "backward_mask"),
        with_mask=WITH_MASK,
    ),
    Layer(
        "bias + leaky",
        "F.leaky_relu(x + bias)",
        "add, leaky",
        "leaky, sum",
        ops=("bias_forward", "bias_backward_dbias"),
        unfused=Passes(forward=2 + 2, backward=3 + 1, kept=1),
        fused=Passes(forward=2, backward=3, kept=1),
        ops_with_mask=("forward_mask", "bias_backward_dbias_mask"),
        with_mask=WITH_MASK,
    ),
    Layer(
        "scale, bias + leaky",
        "F.leaky_relu(x * scale + bias)",
        "mul, add, leaky",
        "leaky, sum, mul, mul, sum",
        ops=("scale_bias_forward", "scale_bias_backward"),
        unfused=Passes(forward=2 + 2 + 2, backward=3 + 1 + 2 + 3 + 1, kept=2),  # with torch.addcmul: 4 and 12
        fused=Passes(forward=2, backward=3, kept=1),
        why_no_mask="dscale needs x",
    ),
    Layer(
        "residual + leaky",
        "F.leaky_relu(x + residual)",
        "add, leaky",
        "leaky",
        ops=("residual_forward", None),  # the benchmark has no backward from x with a residual
        unfused=Passes(forward=3 + 2, backward=3, kept=1),
        fused=Passes(forward=3, backward=4, kept=2),  # dy, x and residual -> dx, which dresidual equals
        with_mask=Passes(forward=3, backward=2, kept=0, masks=1),
    ),
    Layer(
        "PReLU with dalpha",
        "F.prelu(x, alpha)",
        "prelu",
        "prelu, sum",
        ops=("prelu_forward", "prelu_backward_dalpha"),
        unfused=Passes(forward=2, backward=4 + 1, kept=1),
        fused=Passes(forward=2, backward=3, kept=1),
        why_no_mask="dalpha needs x",
    ),
]

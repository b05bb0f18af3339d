"""The ops that cpu.py times, most of them from ops.py, with two additions: a call of another build of rectify over the
same buffers, and a copy of the results to compare the peers with."""

import copy

from ops import CLIP, LEAKY, OPS, PLAIN, THRESHOLD, Op, Work

FROM_OPS = {op.name: op for op in OPS}
CPU_OPS = [
    FROM_OPS["relu_forward"],
    FROM_OPS["leaky_forward"],
    FROM_OPS["clip_forward"],
    FROM_OPS["threshold_forward"],
    Op("relu_backward", "relu", PLAIN, source="x"),
    FROM_OPS["leaky_backward"],
    Op("clip_backward", "clip", CLIP, source="x"),
    Op("threshold_backward", "threshold", THRESHOLD, source="x"),
    Op("leaky_forward_mask", "leaky", LEAKY),
    FROM_OPS["leaky_backward_mask"],
    FROM_OPS["bias_leaky_forward"],
    FROM_OPS["bias_leaky_backward"],
    FROM_OPS["bias_leaky_backward_mask"],
    FROM_OPS["residual_leaky_forward"],
    FROM_OPS["residual_leaky_backward_mask"],
    FROM_OPS["scale_shift_leaky_forward"],
    FROM_OPS["scale_shift_leaky_backward"],
    FROM_OPS["prelu_forward"],
    FROM_OPS["prelu_backward"],
]
WRITES_MASK = ("leaky_forward_mask",)


class CpuWork(Work):
    """An op at one size and dtype, whose calls of any build of rectify read and write the same buffers."""

    def _make_call(self):
        super()._make_call()
        if self.op.name in WRITES_MASK:
            self.mask = self.library.new_mask(self.op.relu, self.x_view)
        self.call = self.call_of(self.library)

    def call_of(self, library):
        inputs = self._backward_operands(self.mask) if self.op.backward else self._forward_operands()
        if self.op.name in WRITES_MASK:
            inputs["mask"] = self.mask
        function = library.backward if self.op.backward else library.forward
        return function(self.op.relu, self.axis, **inputs, **self.outputs)

    def by(self, library):
        """The same work, done by another build of rectify."""
        other = copy.copy(self)
        other.library, other.call = library, self.call_of(library)
        return other

    def with_kept_results(self):
        """The same work with a copy of its results, because the peers write into the same buffers."""
        kept = copy.copy(self)
        kept.elementwise = {name: self._copy(array, self.dtype) for name, array in self.elementwise.items()}
        kept.sums = {name: self._copy(array, "f32") for name, array in self.sums.items()}
        return kept

    def _copy(self, array, dtype):
        made = self.arrays.empty(tuple(array.shape), dtype)
        made[...] = array
        return made

    @property
    def useful_bytes(self):
        mask = self.elements * self.mask.bits // 8 if self.op.name in WRITES_MASK else 0
        return super().useful_bytes + mask

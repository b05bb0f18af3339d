"""The ops: their tensors, rectify's call of each, and an independent computation of the expected results.

Every op is built from one description, so that no op has code of its own that only runs on a GPU. The
independent computation is in float (double for a fused multiply-add), rounded once at the end, and goes over
slices, because temporaries of a large tensor would otherwise take many times its memory.
"""

import math
from dataclasses import dataclass

import numpy as np

from rectify_c import Relu

SIZE = {"f16": 2, "bf16": 2, "f32": 4}
ROW, CHANNELS, IMAGE, MODELS = 1024, 64, (28, 28), 8
MODEL_ALPHAS = [0.01 * 2**k for k in range(MODELS)]
SLICE = 1 << 25  # elements that the independent computation and comparisons process at a time
PLAIN, LEAKY, CLIP, THRESHOLD, KERAS = Relu(), Relu(0.01), Relu(0.0, 0.0, 6.0), Relu(0.0, 0.5), Relu(0.1, 0.5, 6.0)


@dataclass(frozen=True)
class Op:
    """The description of an op. `family` names the function of torch that it is compared with (contenders.py)."""

    name: str
    family: str
    relu: Relu
    layout: str = "flat"
    params: tuple = ()  # those of scale, bias and alpha that it has: one element per channel, in the tensors' dtype
    residual: bool = False
    source: str = ""  # of a backward: its source, x or mask
    sums: tuple = ()  # those of dscale, dbias and dalpha that it has: one element per channel

    @property
    def backward(self):
        return self.source != ""


# The most important ops come first, in case time runs out.
OPS = [
    Op("leaky_forward", "leaky", LEAKY),
    Op("leaky_backward", "leaky", LEAKY, source="x"),
    Op("leaky_backward_mask", "leaky", LEAKY, source="mask"),
    Op("bias_leaky_forward", "bias_leaky", LEAKY, "rows", ("bias",)),
    Op("bias_leaky_backward", "bias_leaky", LEAKY, "rows", ("bias",), source="x", sums=("dbias",)),
    Op("bias_leaky_backward_mask", "bias_leaky", LEAKY, "rows", ("bias",), source="mask", sums=("dbias",)),
    Op("prelu_forward", "prelu", PLAIN, "rows", ("alpha",)),
    Op("prelu_backward", "prelu", PLAIN, "rows", ("alpha",), source="x", sums=("dalpha",)),
    Op("residual_leaky_forward", "residual_leaky", LEAKY, residual=True),
    Op("residual_leaky_backward_mask", "residual_leaky", LEAKY, residual=True, source="mask"),
    Op("scale_shift_leaky_forward", "scale_shift_leaky", LEAKY, "rows", ("scale", "bias")),
    Op(
        "scale_shift_leaky_backward",
        "scale_shift_leaky",
        LEAKY,
        "rows",
        ("scale", "bias"),
        source="x",
        sums=("dscale", "dbias"),
    ),
    Op("keras_relu_forward", "keras_relu", KERAS),
    Op("keras_relu_backward", "keras_relu", KERAS, source="x"),
    Op("models_forward", "models", PLAIN, "models", ("alpha",)),
    Op("prelu_forward_nchw", "prelu", PLAIN, "nchw", ("alpha",)),
    Op("prelu_backward_nchw", "prelu", PLAIN, "nchw", ("alpha",), source="x", sums=("dalpha",)),
    Op("relu_forward", "relu", PLAIN),
    Op("clip_forward", "clip", CLIP),
    Op("threshold_forward", "threshold", THRESHOLD),
]


def shape_of(layout, elements):
    """The shape of a tensor with about so many elements, but at least one row or image."""
    if layout == "rows":
        return max(1, elements // ROW), ROW
    if layout == "nchw":
        return max(1, elements // (CHANNELS * math.prod(IMAGE))), CHANNELS, *IMAGE
    if layout == "models":
        return MODELS, max(1, elements // MODELS)
    return (max(1, elements),)


class Work:
    """An op at one size and dtype: its tensors, rectify's prepared call, and the check of its results."""

    def __init__(self, op, dtype, tensor_bytes, arrays, library):
        self.op, self.dtype, self.arrays, self.library = op, dtype, arrays, library
        self.shape = shape_of(op.layout, tensor_bytes // SIZE[dtype])
        self.axis = 0 if op.layout == "models" else 1
        self.elements = math.prod(self.shape)
        self.params, self.sums = {}, {}
        self._make_inputs()
        self._make_call()

    # Tensors --------------------------------------------------------------------------------------------------------

    def _make_inputs(self):
        arrays, op = self.arrays, self.op
        channels = self.shape[self.axis] if len(self.shape) > 1 else 1
        # Wide enough that some values exceed a cap of 6. The mean of dy keeps sums away from 0, where a relative error
        # has no meaning.
        self.x = arrays.normal(self.shape[1:] if op.layout == "models" else self.shape, self.dtype, 0.0, 3.0)
        self.x_view = arrays.broadcast(self.x, self.shape)
        self.residual = arrays.normal(self.shape, self.dtype, 0.0, 3.0) if op.residual else None
        self.dy = arrays.normal(self.shape, self.dtype, 1.0, 1.0) if op.backward else None
        ranges = {"scale": (0.5, 1.5), "bias": (-1.0, 1.0), "alpha": (0.05, 0.3)}
        for name in op.params:
            if op.layout == "models":
                self.params[name] = arrays.from_list(MODEL_ALPHAS, self.dtype)
            else:
                self.params[name] = arrays.uniform((channels,), self.dtype, *ranges[name])
        self.channels = channels

    def _forward_operands(self):
        return {"x": self.x_view, **self.params, **({"residual": self.residual} if self.op.residual else {})}

    def _make_call(self):
        op, arrays = self.op, self.arrays
        result = arrays.empty(self.shape, self.dtype)
        self.mask = None
        if not op.backward:
            self.elementwise = {"y": result}
            self.call = self.library.forward(op.relu, self.axis, **self._forward_operands(), y=result)
            return
        self.sums = {name: arrays.empty((self.channels,), "f32") for name in op.sums}
        self.elementwise = {"dx": result}
        if op.source == "mask":
            self.mask = self.library.new_mask(op.relu, self.x_view, **self.params)
            arrays.poison(self.mask.storage)
            self.library.forward(op.relu, self.axis, **self._forward_operands(), mask=self.mask)()
        self.call = self.library.backward(
            op.relu, self.axis, **self._backward_operands(self.mask), dx=result, **self.sums
        )

    def _backward_operands(self, mask):
        operands = {"dy": self.dy, **self.params}
        if mask is None:
            operands["x"] = self.x_view
            if self.op.residual:
                operands["residual"] = self.residual
        else:
            # With a mask no result depends on a bias or a residual, so backward() rejects them.
            operands.pop("bias", None)
            operands["mask"] = mask
        return operands

    @property
    def outputs(self):
        return {**self.elementwise, **self.sums}

    @property
    def useful_bytes(self):
        """The bytes that a fused op must move at least; values per channel are not counted."""
        s = SIZE[self.dtype]
        if self.op.layout == "models":
            return s * self.elements // MODELS * (1 + MODELS)
        if not self.op.backward:
            return s * self.elements * (3 if self.op.residual else 2)
        if self.op.source == "mask":
            return 2 * s * self.elements + (self.elements * self.mask.bits + 7) // 8
        return s * self.elements * (4 if self.op.residual else 3)

    def training_step(self):
        """Forward and backward on new tensors, as in a layer inside a network. The memory that it allocates, beside the
        parameters and dy, is that of the pair. The given x is freed as soon as nothing needs it."""
        op, arrays = self.op, self.arrays
        x = arrays.empty(self.shape, self.dtype)
        x[...] = self.x
        y = arrays.empty(self.shape, self.dtype)
        mask = self.library.new_mask(op.relu, x, **self.params) if op.source == "mask" else None
        operands = {**self._forward_operands(), "x": x, "y": y, **({"mask": mask} if mask else {})}
        self.library.forward(op.relu, self.axis, **operands)()
        del operands
        if mask is not None:
            x = None
        dx = arrays.empty(self.shape, self.dtype)
        sums = {name: arrays.empty((self.channels,), "f32") for name in op.sums}
        operands = self._backward_operands(mask)
        if mask is None:
            operands["x"] = x
        self.library.backward(op.relu, self.axis, **operands, dx=dx, **sums)()
        return y, dx, sums

    # Expected results -----------------------------------------------------------------------------------------------

    def check(self):
        """Runs rectify once over poisoned outputs. Returns an empty text if every element has the bits, and every sum the
        value, of the independent computation; otherwise what differs."""
        for output in self.outputs.values():
            self.arrays.poison(output)
        self.call()
        self.arrays.synchronize()
        exact = {name: 0.0 for name in self.sums}
        magnitude = {name: 0.0 for name in self.sums}
        for part in self.parts():
            values, terms = self._expected(part)
            for name, expected in values.items():
                got = self.elementwise[name][part]
                differing = self.arrays.differing(got, expected)
                if differing:
                    return (
                        f"{name}: {differing} elements differ from the independent computation in rows {part.start} on"
                    )
            for name, term in terms.items():
                axes = tuple(axis for axis in range(len(self.shape)) if axis != self.axis)
                exact[name] = exact[name] + self.arrays.to_host(term.sum(axes))
                magnitude[name] = magnitude[name] + self.arrays.to_host(abs(term).sum(axes))
        for name, got in self.sums.items():
            count = self.elements // self.channels
            bound = 2 * (math.log2(max(count, 2)) + 8) * 2.0**-23 * magnitude[name] + 1e-30
            error = np.abs(self.arrays.to_host(got) - exact[name])
            if not bool((error <= bound).all()):  # a NaN is no <=
                return f"{name}: off by up to {error.max():.3g}, beyond the bound of {bound.max():.3g}"
        return ""

    def parts(self):
        rows = self.shape[0]
        step = max(1, SLICE // (self.elements // rows))
        return [slice(first, min(first + step, rows)) for first in range(0, rows, step)]

    def _along(self, name, part):
        """A parameter in float, shaped to broadcast over a slice of the tensors."""
        values = self.arrays.single(self.params[name])
        if self.axis == 0:
            return values[part].reshape(-1, 1)
        return values.reshape(-1, *[1] * (len(self.shape) - 2))

    def _z(self, part):
        """The input of the function, with each operation rounded to float."""
        arrays, params = self.arrays, self.params
        z = x = arrays.single(self.x_view[part])
        if "scale" in params and "bias" in params:
            z = self._multiply_add(x, self._along("scale", part), self._along("bias", part))
        elif "scale" in params:
            z = x * self._along("scale", part)
        elif "bias" in params:
            z = x + self._along("bias", part)
        if self.op.residual:
            z = z + arrays.single(self.residual[part])
        return z, x

    def _multiply_add(self, x, scale, bias):
        """fma(x, scale, bias), exact to the last bit. The product is exact in double, and the sum is rounded to odd in
        double, so that the rounding to float has the effect of a single one."""
        arrays = self.arrays
        product = arrays.double(x) * arrays.double(scale)
        bias = arrays.double(bias)
        total = product + bias
        back = total - product
        lost = (product - (total - back)) + (bias - back)  # exact, by Knuth's two-sum
        bits = arrays.view_as_int64(total)
        beyond = (lost != 0) & ((lost < 0) == (total > 0))  # rounded away from 0: step back before setting the last bit
        odd = (bits - beyond * 1) | 1
        return arrays.single(arrays.view_as_double(arrays.where(lost != 0, odd, bits)))

    def _expected(self, part):
        """The elements of a slice, and the terms of its sums in double."""
        arrays, relu = self.arrays, self.op.relu
        z, x = self._z(part)
        threshold, zero = arrays.number(relu.threshold), arrays.number(0.0)
        below = ~(z > threshold)
        alpha = self._along("alpha", part) if "alpha" in self.params else arrays.number(relu.alpha)
        flat = "alpha" not in self.params and relu.alpha == 0
        capped = relu.max_value < math.inf
        cap = arrays.number(relu.max_value)
        if not self.op.backward:
            above = arrays.where(z >= cap, cap, z) if capped else z
            y = arrays.where(below, zero if flat else alpha * (z - threshold), above)
            return {"y": arrays.narrow(y, self.dtype)}, {}
        dy = arrays.single(self.dy[part])
        above = arrays.where(z >= cap, zero, dy) if capped else dy
        dz = arrays.where(below, zero if flat else alpha * dy, above)
        dx = dz * self._along("scale", part) if "scale" in self.params else dz
        terms = {}
        if "dbias" in self.sums:
            terms["dbias"] = arrays.double(dz)
        if "dscale" in self.sums:
            terms["dscale"] = arrays.double(dz) * arrays.double(x)
        if "dalpha" in self.sums:
            terms["dalpha"] = arrays.double(arrays.where(below, dy * (z - threshold), zero))
        return {"dx": arrays.narrow(dx, self.dtype)}, terms


def difference(work, theirs):
    """Compares a peer's outputs with rectify's. Returns (whether they agree, a text for its row).

    Peers round more often than rectify (to bf16 between two of their kernels), so an element may differ by two units in
    the last place, or by the rounding of large values whose difference is z. If such a z falls on the other side of the
    threshold than rectify's, or a kink has the other slope, the whole gradient differs: that is accepted for one element
    in a hundred.
    """
    arrays = work.arrays
    eps = {"f32": 2.0**-23, "bf16": 2.0**-7, "f16": 2.0**-10}[work.dtype]
    rounds_z = work.op.family in ("bias_leaky", "residual_leaky", "scale_shift_leaky")
    absolute = 16 * eps if rounds_z and not work.op.backward else 1e-30
    kinks = work.op.backward and work.op.family in ("bias_leaky", "residual_leaky", "scale_shift_leaky", "keras_relu")
    row, fine = {}, True
    for name, ours in work.elementwise.items():
        other, largest, off = theirs[name], 0.0, 0
        shape = tuple(ours.shape)
        stacked = isinstance(other, (list, tuple))
        if not stacked and tuple(other.shape) != shape or stacked and len(other) != shape[0]:
            return False, {"difference": f"{name} has another shape"}
        for part in work.parts():
            a = arrays.single(ours[part])
            b = arrays.single(arrays.torch.stack(list(other[part])) if stacked else other[part])
            distance = abs(a - b)
            off += int((~(distance <= absolute + 2 * eps * abs(a))).sum())  # a NaN is no <=
            largest = max(largest, float(distance.max()))
        if largest != 0.0:  # also a NaN
            row["max_abs_diff"] = max(largest, row.get("max_abs_diff", 0.0)) if largest == largest else "nan"
        if off:
            row["elements_off"] = off
        fine = fine and largest == largest and off <= (work.elements // 100 if kinks else 0)
    for name, ours in work.sums.items():
        a, b = arrays.to_host(ours), arrays.to_host(theirs[name]).reshape(-1)
        # The relative error of a channel whose sum happens to be near 0 says little.
        relative = float((np.abs(a - b) / np.maximum(np.abs(a), np.abs(a).mean())).max())
        row["max_rel_diff_sums"] = max(relative, row.get("max_rel_diff_sums", 0.0)) if relative == relative else "nan"
        # The more elements, the less those on the other side of a kink count: a large tensor may have a few.
        kinked = 32 / float(np.abs(a).mean()) if kinks else 0.0
        fine = fine and relative <= (1e-3 if work.dtype == "f32" else 2e-2) + kinked
    return fine, row

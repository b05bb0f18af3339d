"""The rows that are counted: the ops of bench/op_table.cpp at their shapes, and at shapes that are awkward for a kernel. To add an op,
add a line to OPS; to add a shape, add a line to SHAPES."""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Row:
    """An op at a shape. `tensors` and `mask_bits` are what it must move per element, as in the benchmark's table."""

    op: str
    function: str
    operands: str
    shape: tuple  # 0 is the extent that the size of the tensor determines
    tensors: float
    mask_bits: int = 0
    storage: tuple = None  # extents of the buffers of which the tensors are views
    offset: int = 0  # offset of x alone, in elements
    step: int = 1  # stride between elements
    channel_axis: int = 1
    broadcast: bool = False  # x is broadcast along axis 0
    relu: dict = field(default_factory=lambda: {"alpha": 0.01}, hash=False)
    numbers: dict = field(default_factory=dict, hash=False)  # other fields of the call

    @property
    def layout(self):
        """The shape as text, with its peculiarities."""
        extents = []
        for axis, extent in enumerate(self.shape):
            of = self.storage[axis] if self.storage else extent
            extents.append(("n" if extent == 0 else str(extent)) + (f" of {of}" if of != extent else ""))
        text = "[" + ", ".join(extents) + "]"
        if self.offset:
            text += ", x one element past a boundary"
        return text + (", every other element" if self.step > 1 else "")

    @property
    def name(self):
        return f"{self.op} {self.layout}"


FLAT, ROWS, NCHW = (0,), (0, 1024), (0, 64, 28, 28)
CAPPED = {"alpha": 0.01, "max_value": 6.0}
OPS = [
    Row("forward", "forward", "x y", FLAT, 2),
    Row("backward", "backward", "dy x dx", FLAT, 3),
    Row("forward_mask", "forward", "x y mask", FLAT, 2, 1),
    Row("backward_mask", "backward", "dy mask dx", FLAT, 2, 1),
    Row("bias_forward", "forward", "x bias y", ROWS, 2),
    Row("bias_forward_nchw", "forward", "x bias y", NCHW, 2),
    Row("bias_backward", "backward", "dy x bias dx", ROWS, 3),
    Row("residual_forward", "forward", "x residual y", FLAT, 3),
    Row("residual_backward_mask", "backward", "dy mask dx dresidual", FLAT, 3, 1),
    Row("scale_bias_forward", "forward", "x scale bias y", ROWS, 2),
    Row("prelu_forward", "forward", "x alpha y", ROWS, 2),
    Row("prelu_backward", "backward", "dy x alpha dx", ROWS, 3),
    Row("models_forward", "forward", "x alpha y", (8, 0), 9 / 8, channel_axis=0, broadcast=True),
    Row("bias_backward_dbias", "backward", "dy x bias dx dbias", ROWS, 3),
    Row("bias_backward_dbias_nchw", "backward", "dy x bias dx dbias", NCHW, 3),
    Row("bias_backward_dbias_mask", "backward", "dy mask dx dbias", ROWS, 2, 1),
    Row("scale_bias_backward", "backward", "dy x scale bias dx dscale dbias", ROWS, 3),
    Row("prelu_backward_dalpha", "backward", "dy x alpha dx dalpha", ROWS, 3),
    Row("all_sums", "backward", "dy x scale bias dx dscale dbias dalpha dthreshold dmax_value", ROWS, 3, relu=CAPPED),
    Row("bias_gain_forward", "forward", "x bias y", ROWS, 2, numbers={"gain": 2**0.5}),
    Row("bias_gain_backward_y", "backward", "dy y dx dbias", ROWS, 3, numbers={"gain": 2**0.5}),
    Row("accumulate_dbias", "backward", "dy x bias dx dbias", ROWS, 3, numbers={"accumulate": 1}),
]  # fmt: skip
BY_NAME = {row.op: row for row in OPS}

CHANNEL_OPS = (
    "bias_forward prelu_forward scale_bias_forward bias_backward bias_backward_dbias scale_bias_backward prelu_backward_dalpha "
    "all_sums"
).split()
ODD_SHAPES = [(0, 1001), (0, 3), (0, 512, 7, 7), (0, 256, 14, 14)]
SUM_SHAPES = [(0, c) for c in (3, 16, 64, 256, 1024, 4096, 16384, 65536)]
SUM_SHAPES += [(0, 64, 56, 56), (0, 256, 14, 14), (0, 512, 7, 7)]
PITCHED = [((0, 500), (0, 512)), ((0, 1001), (0, 1024)), ((0, 32, 784), (0, 64, 784))]

SHAPES = [(op, {"shape": shape}) for shape in ODD_SHAPES for op in CHANNEL_OPS]
SHAPES += [
    (op, {"shape": shape, "storage": storage})
    for shape, storage in PITCHED
    for op in ("forward", "backward", "residual_forward", *CHANNEL_OPS)
]
SHAPES += [(op, peculiar) for peculiar in ({"offset": 1}, {"step": 2}) for op in ("forward", "backward")]
SHAPES += [(op, {"shape": shape}) for op in ("bias_backward_dbias", "all_sums") for shape in SUM_SHAPES]


def table():
    """All rows, without duplicates."""
    rows = {row.name: row for row in OPS}
    for op, peculiar in SHAPES:
        row = replace(BY_NAME[op], **peculiar)
        rows.setdefault(row.name, row)
    return list(rows.values())

"""Looks up the rows of a run: which op of a peer does the same work as one of rectify-bench."""

import earlier
from summary import is_large_op

WHAT = {
    "forward": "y from x",
    "backward": "dx from dy and x",
    "forward_mask": "y and a mask of one bit",
    "backward_mask": "dx from dy and the mask",
    "bias_forward": "a bias of 1,024 along rows",
    "bias_forward_nchw": "a bias of 64 in NCHW, 28 x 28",
    "bias_backward": "dx from dy, x and the bias, along rows",
    "residual_forward": "y from x + residual",
    "residual_backward_mask": "dx and dresidual from the mask",
    "scale_bias_forward": "scale and bias along rows",
    "prelu_forward": "an alpha of 1,024 along rows",
    "prelu_backward": "dx, an alpha of 1,024 along rows",
    "models_forward": "one x under 8 alphas",
    "bias_backward_dbias": "dx and dbias, along rows",
    "bias_backward_dbias_nchw": "dx and dbias in NCHW, 28 x 28",
    "bias_backward_dbias_mask": "dx and dbias from a mask",
    "scale_bias_backward": "dx, dscale and dbias, along rows",
    "prelu_backward_dalpha": "dx and dalpha, along rows",
    "all_sums": "dx and all five sums",
    "bias_gain_forward": "a bias of 1,024 along rows, and a gain",
    "bias_gain_backward_y": "dx and dbias from y, a bias and a gain",
    "accumulate_dbias": "dx, and dbias added to its tensor",
}
OPS = tuple(WHAT)
IN_README = ("forward", "backward_mask", "scale_bias_forward", "bias_backward_dbias", "all_sums")
IN_PERFORMANCE = (
    "forward",
    "backward",
    "forward_mask",
    "backward_mask",
    "bias_forward",
    "bias_backward_dbias",
    "residual_forward",
    "scale_bias_forward",
    "scale_bias_backward",
    "prelu_forward",
    "prelu_backward_dalpha",
    "models_forward",
    "all_sums",
)

# The op of bench/peers/peers.py that does the same work.
PYTHON_OP = {
    "forward": "leaky_forward",
    "backward": "leaky_backward",
    "backward_mask": "leaky_backward_mask",
    "bias_forward": "bias_leaky_forward",
    "bias_backward_dbias": "bias_leaky_backward",
    "bias_backward_dbias_mask": "bias_leaky_backward_mask",
    "prelu_forward": "prelu_forward",
    "prelu_backward_dalpha": "prelu_backward",
    "residual_forward": "residual_leaky_forward",
    "residual_backward_mask": "residual_leaky_backward_mask",
    "scale_bias_forward": "scale_shift_leaky_forward",
    "scale_bias_backward": "scale_shift_leaky_backward",
    "models_forward": "models_forward",
}
PEERS = {"torch eager": "torch eager", "torch.compile": "torch.compile", "triton": "Triton", "CUB": "CUB"}


class Rows:
    """The rows of a run: those that have a time, apart from the movers of ceilings."""

    def __init__(self, rows):
        self.all = rows
        self.rows = [row for row in rows if "us" in row and not row.get("is_ceiling")]
        self.movers = [row for row in rows if "us" in row and row.get("is_ceiling")]
        self.large = {(row["op"], row["dtype"]): row for row in self.rows if is_large_op(row)}

    def part(self, *parts):
        return [row for row in self.rows if row["part"] in parts]

    def ratio(self, op, dtype, who):
        """The time of a peer divided by that of rectify, on tensors of the largest size; None if it was not measured."""
        name = op if who == "CUB" else PYTHON_OP.get(op)
        rows = [
            row
            for row in self.part("ops", "python")
            if (row["op"], row.get("dtype"), row["who"], row.get("mode")) == (name, dtype, who, "cold") and "vs_rectify" in row
        ]
        return rows[0]["vs_rectify"] if rows else earlier.cub_ratio(self, op, dtype) if who == "CUB" else None


def tensor_text(row):
    """Layout and placement of a row's tensors, in words."""
    text = row.get("layout", row["shape"])
    text += f", gaps of {row['gap']}" if row.get("gap") else ""
    text += ", channels last" if row.get("channels_last") else ""
    text += ", in place" if row.get("inplace") else ""
    return text + (f", x {row['misalign']} past a boundary" if row.get("misalign") else "")


def function_text(row):
    return "" if row["alpha"] != 0 else ", ReLU" if row["max_value"] is None else f", ReLU{row['max_value']:g}"

"""Looks up the rows of a run: which op of a peer does the same work as one of rectify-bench."""

import earlier
from pages import WHAT
from summary import is_large_op

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

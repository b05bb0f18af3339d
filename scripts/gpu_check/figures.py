"""Looks up the rows of a run: which op of a peer does the same work as one of rectify-bench."""

from pages import GIB
from summary import is_large_op

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

# The op of bench/peers/peers.py that does the same work, and that of rectify-gpu-bench's peers.
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
DTYPES = ("f32", "bf16", "f16", "f64")
CPP_OP = {"forward": "leaky_forward", "backward": "leaky_backward"}
PEERS = {"torch eager": "torch eager", "torch.compile": "torch.compile", "triton": "Triton", "cub::DeviceTransform": "CUB"}


class Rows:
    """The rows of a run."""

    def __init__(self, rows):
        self.rows = [row for row in rows if "us" in row]
        self.all = rows
        self.large = {(row["op"], row["dtype"]): row for row in self.rows if is_large_op(row)}

    def part(self, *parts):
        return [row for row in self.rows if row["part"] in parts]

    def ratio(self, op, dtype, who):
        """The time of a peer divided by that of rectify, on tensors of the largest size; None if it was not measured."""
        if who.startswith("cub"):
            return self._cpp_ratio(CPP_OP.get(op), dtype, who)
        rows = [
            row
            for row in self.part("python")
            if row["op"] == PYTHON_OP.get(op)
            and row.get("dtype") == dtype
            and row["who"] == who
            and row.get("mode") == "cold"
            and "vs_rectify" in row
        ]
        return rows[0]["vs_rectify"] if rows else None

    def _cpp_ratio(self, op, dtype, who):
        us = {
            row["who"]: row["us"]
            for row in self.part("peers")
            if row["op"] == op and row.get("dtype") == dtype and row["mode"] == "cold" and row["tensor_bytes"] == GIB
        }
        return us[who] / us["rectify"] if who in us and "rectify" in us else None

"""The rows that peers.py writes: those of rectify-bench (scripts/gpu_check/rows.py)."""

import json
import statistics

from ops import SIZE

FIELDS = (
    "part op who how us failed absent note dtype shape elements tensor_bytes bytes mode checked us_p10 us_p90 gbps vs_rectify "
    "runs moved peak_bytes"
).split()


class Rows:
    """The file of results. While the program runs, or after it was stopped, it holds all results so far. Fields that a row of
    rectify-bench has not are in `more`."""

    def __init__(self, path):
        self.file, self.wrong = open(path, "a", encoding="utf-8"), 0

    def add(self, **row):
        row = {"part": "python", "op": "run", "who": "peers.py", **row}
        if row.get("checked") is False:
            row["failed"] = f"differs: {row.pop('difference', 'from rectify')}"
        known = {name: value for name, value in row.items() if name in FIELDS and value is not None}
        more = {name: value for name, value in row.items() if name not in FIELDS}
        self.file.write(json.dumps({**known, "more": more} if more else known, default=str) + "\n")
        self.file.flush()


def describe_case(op, work, device):
    """The fields that all rows of a case have."""
    return {
        "op": op.name,
        "dtype": work.dtype,
        "shape": str(list(work.shape)),
        "elements": work.elements,
        "tensor_bytes": work.elements * SIZE[work.dtype],
        "bytes": work.useful_bytes,
        "device": device,
    }


def reason(error):
    """An exception in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:400]


def quantile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def figures(samples, useful_bytes):
    us = statistics.median(samples)
    return {
        "us": round(us, 3),
        "us_p10": round(quantile(samples, 0.1), 3),
        "us_p90": round(quantile(samples, 0.9), 3),
        "gbps": round(useful_bytes / us / 1e3, 2),
    }

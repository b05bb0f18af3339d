"""The rows of rows.jsonl: one JSON object per line.

They are rows of rectify-bench's record (schema rectify-bench/3), as rectify-bench, rectify-sweep and bench/peers/peers.py write
them, with `part` and `set`. A row always has `part`, `op` and `who`, and exactly one outcome:
    us       the op was measured: microseconds of one call, the median of the samples
    failed   why there is no time: an error, or a result that differs from the reference
    absent   why there is no time: the peer is not installed, or has no such op
    skipped  why there is no time: something else
    note     a remark of the program that measures
Every other field is optional; FIELDS has the type and meaning of each. Rows of earlier runs have no `set`, `layout` or `is_ceiling`
(earlier.py).
"""

import json
import re

NUMBER, TEXT, NO_CAP = (int, float), (str,), (int, float, type(None))
FIELDS = {
    "part": (TEXT, "the part of the run"),
    "set": (TEXT, "the step of the part"),
    "op": (TEXT, "what was called: an op of rectify-bench, or a function of peers.py"),
    "who": (TEXT, "rectify, a variant of its kernels, a peer, or a mover of the ceiling"),
    "how": (TEXT, "what a peer calls"),
    "is_ceiling": ((bool,), "a mover: it moves the bytes of the op and computes nothing"),
    "us": (NUMBER, "microseconds of one call, median"),
    "failed": (TEXT, "why there is no time: an error, or what differs"),
    "absent": (TEXT, "why there is no time: not installed, or no such op"),
    "skipped": (TEXT, "why there is no time: something else"),
    "note": (TEXT, "a remark of the program that measures"),
    "dtype": (TEXT, "f16, bf16, f32 or f64"),
    "layout": (TEXT, "of the tensor: [n], [n, 1024]"),
    "shape": (TEXT, "of the tensor: [16384, 1024]"),
    "elements": ((int,), "of the output"),
    "tensor_bytes": ((int,), "bytes of the output"),
    "alpha": (NUMBER, "of the function"),
    "threshold": (NUMBER, "of the function"),
    "max_value": (NO_CAP, "of the function; null: none"),
    "channels_last": ((bool,), "in memory axis 1 is the last"),
    "gap": ((int,), "elements between two rows"),
    "inplace": ((bool,), "y is x, dx is dy"),
    "misalign": ((int,), "elements from an aligned address to x"),
    "mode": (
        TEXT,
        "cold (buffers rotate, so nothing is in the L2 cache) or hot (one set of buffers), with ', graph' as a CUDA graph; of "
        "peers.py: cold, graph, hot, wall, wall_anew",
    ),
    "bytes": (NUMBER, "bytes that one call must move: each input read once, each output written once"),
    "checked": ((bool,), "the result was compared with the reference"),
    "us_p10": (NUMBER, "tenth percentile of the samples"),
    "us_p90": (NUMBER, "ninetieth percentile of the samples"),
    "us_min": (NUMBER, "the least sample"),
    "us_max": (NUMBER, "the greatest sample"),
    "us_samples": ((list,), "all samples, sorted"),
    "host_us": (NUMBER, "microseconds in which the host queues one call, median"),
    "noise": (NUMBER, "(us_p90 - us_p10) / us"),
    "runs": ((int,), "number of samples"),
    "calls": ((int,), "calls in a sample"),
    "sets": ((int,), "of buffers, over which calls rotate"),
    "gbps": (NUMBER, "bytes / us, in 10^9 bytes a second"),
    "ceiling": (TEXT, "the fastest mover"),
    "ceiling_us": (NUMBER, "its microseconds"),
    "of_ceiling": (NUMBER, "ceiling_us / us"),
    "fault": ((bool,), "of_ceiling is above 1.03, so the measurement is wrong"),
    "vs_rectify": (NUMBER, "us of this contender / us of rectify, samples taken in turn: above 1, rectify is faster"),
    "repro": (TEXT, "a command that runs the case alone"),
    "moved": (NUMBER, "bytes that this peer moves, if that is more than `bytes`"),
    "peak_bytes": ((int,), "memory that forward and backward allocate at their peak"),
    "commit": (TEXT, "commit of the earlier run that measured this figure; if absent, that of machine.json"),
    "more": ((dict,), "other fields that the program reports"),
}
OUTCOMES = ("us", "failed", "absent", "skipped", "note")
EARLIER_PARTS = ("ceilings", "host", "peers")
PARTS = ("ops", "sizes", "shapes", "small", "sweep", "python", *EARLIER_PARTS)
DTYPES = ("f32", "bf16", "f16", "f64")


def fits(name, value):
    kinds = FIELDS[name][0]
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def problem_of(row):
    """What is wrong with a row, in words; empty if it follows the schema."""
    if not isinstance(row, dict):
        return "not an object"
    for name in ("part", "op", "who"):
        if name not in row:
            return f"no {name}"
    for name, value in row.items():
        if name not in FIELDS:
            return f"no field is called {name}"
        if not fits(name, value):
            return f"{name} is {value!r}"
    if row["part"] not in PARTS:
        return f"no part is called {row['part']}"
    if row.get("dtype", "f32") not in DTYPES:
        return f"no dtype is called {row['dtype']}"
    outcomes = [name for name in OUTCOMES if name in row]
    if len(outcomes) != 1:
        return "has " + (" and ".join(outcomes) or "none of " + ", ".join(OUTCOMES))
    if any(isinstance(row.get(name), (int, float)) and not row[name] > 0 for name in ("us", "gbps", "bytes")):
        return "a time, rate or size that is not above 0"
    return ""


def read(path):
    """The valid rows of a file, and a line about each that is invalid (a program that was cut may leave half a row)."""
    found, wrong = [], []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        try:
            row = json.loads(line)
            problem = problem_of(row)
        except ValueError:
            row, problem = None, "not JSON"
        if problem:
            wrong.append(f"line {number}: {problem}")
        else:
            found.append(row)
    return found, wrong


def significant(number, digits=5):
    return float(f"{number:.{digits}g}")


def short_gpu_name(name):
    """A name for a folder: 'NVIDIA H100 80GB HBM3' is h100."""
    words = [
        word
        for word in re.split(r"[\s,]+", name)
        if word and not re.fullmatch(r"(?i)NVIDIA|GeForce|Tesla|Quadro|\d+GB|HBM\d\w*|PCIe|SXM\d?|NVL|Laptop|GPU|Generation", word)
    ]
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-") or "gpu"

"""The rows of rows.jsonl: one JSON object per line, with the same fields whichever program measured.

rectify-gpu-bench prints such rows itself. The JSON of rectify-bench and the rows of bench/peers/peers.py are converted here.

A row always has `part`, `op` and `who`, and exactly one outcome:
    us       the op was measured: microseconds of one call, the median of the samples
    failed   why there is no time: an error, or a result that differs from the reference
    absent   why there is no time: the peer is not installed, or has no such op
    note     a remark of the program that measures
Every other field is optional; FIELDS has the type and meaning of each.
"""

import json
import re

FIELDS = {
    "part": (str, "the part of the run: " + "ceilings, sweep, ops, shapes, host, peers, python or sizes"),
    "op": (str, "what was called: an op of rectify-bench, or copy, add, read, write (ceilings), or a function (peers, python)"),
    "who": (str, "rectify, a variant of its kernels, a peer, or the kernel of a ceiling"),
    "us": ((int, float), "microseconds of one call, median"),
    "failed": (str, "why there is no time: an error, or what differs"),
    "absent": (str, "why there is no time: not installed, or no such op"),
    "note": (str, "a remark of the program that measures"),
    "dtype": (str, "f16, bf16, f32 or f64; absent if bytes are just bytes"),
    "shape": (str, "of the tensor: [n], [n, 1024], or words"),
    "tensor_bytes": (int, "bytes of the largest tensor"),
    "bytes": ((int, float), "bytes that one call must move: each input read once, each output written once"),
    "mode": (
        str,
        "cold (buffers rotate, so nothing is in the L2 cache), hot (one set of buffers), host (time on the host), graph, wall, "
        "wall_anew (peers.py has their meaning), or 'rectify-bench, SET'",
    ),
    "us_p10": ((int, float), "tenth percentile of the samples"),
    "us_p90": ((int, float), "ninetieth percentile of the samples"),
    "runs": (int, "number of samples"),
    "calls": (int, "calls in a sample"),
    "gbps": ((int, float), "bytes / us, in 10^9 bytes a second"),
    "of_ceiling": ((int, float), "time of a copy (or of an add, if two tensors are read) of as many bytes, measured in turn, / us"),
    "vs_rectify": ((int, float), "us of this peer / us of rectify, samples taken in turn: above 1, rectify is faster"),
    "checked": (bool, "the result was compared with the reference before the clock ran"),
    "moved": ((int, float), "bytes that this peer moves, if that is more than `bytes`"),
    "peak_bytes": (int, "memory that forward and backward allocate at their peak"),
    "how": (str, "what was called"),
    "commit": (str, "commit of the earlier run that measured this figure; if absent, that of machine.json"),
    "more": (dict, "other fields that the program reports"),
}
OUTCOMES = ("us", "failed", "absent", "note")
PARTS = ("ceilings", "sweep", "ops", "shapes", "host", "peers", "python", "sizes")
ITEM_BYTES = {"f16": 2, "bf16": 2, "f32": 4, "f64": 8}


def fits(name, value):
    kind = FIELDS[name][0]
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


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
    if row.get("dtype", "f32") not in ITEM_BYTES:
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


def of_rectify_bench(part, name, row):
    """Converts a row of rectify-bench's JSON. `name` is the step's name for this set of ops and shapes."""
    new = {
        "part": part,
        "op": row["op"],
        "who": "rectify",
        "dtype": row["dtype"],
        "shape": row["layout"],
        "tensor_bytes": row["elements"] * ITEM_BYTES[row["dtype"]],
        "mode": f"rectify-bench, {name}",
    }
    if not row["equals_reference"]:
        return {**new, "checked": False, "failed": row["difference"]}
    return {
        **new,
        "bytes": row["bytes"],
        "us": significant(row["seconds"] * 1e6),
        "gbps": significant(row["gigabytes_per_second"]),
        "of_ceiling": significant(row["of_baseline"]),
        "checked": True,
    }


def of_peers_py(row):
    """Converts a row of bench/peers/peers.py: its shape is a list, and fields that this schema lacks go into `more`."""
    row = dict(row)
    shape = row.pop("shape", None)
    new = {"part": "python", "op": row.pop("op", "run"), "who": row.pop("who", "peers.py")}
    if isinstance(shape, list):
        new["shape"] = str(shape)
        if row.get("dtype") in ITEM_BYTES:
            new["tensor_bytes"] = ITEM_BYTES[row["dtype"]] * product(shape)
    if row.get("checked") is False and "us" not in row:
        new["failed"] = "differs: " + str(row.get("difference") or "from rectify")
    row.pop("part", None)
    more = {}
    for name, value in row.items():
        clash = name in OUTCOMES and any(outcome in new for outcome in OUTCOMES)
        (new if name in FIELDS and fits(name, value) and not clash else more)[name] = value
    return {**new, "more": more} if more else new


def product(numbers):
    result = 1
    for number in numbers:
        result *= number
    return result


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

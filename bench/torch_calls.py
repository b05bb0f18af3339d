#!/usr/bin/env python3
"""What a call of rectify.torch costs beside torch's own: small CPU tensors, so that the time is that of the call, not of the memory.

Usage: bench/torch_calls.py [--json FILE] [--page docs/pytorch.md]

Every call is timed in turns with the others, 100 calls at a time on one thread, in CPU time of the process. The table has the
least of all rounds, which the machine's other users disturb least, and the median. --json writes the record, --page writes the
table into the page. `table_of` makes the table from a record (tests/docs/figures_test.py compares them).
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "scripts"))
import pages  # noqa: E402

REGION = "torch-calls"
MADE_BY = "made by bench/torch_calls.py; to change a figure, measure again"
COMMAND = "python bench/torch_calls.py --json bench/results/MACHINE/torch-calls.json --page docs/pytorch.md"
CALLS = 100  # of a contender in a turn
DIRECTIONS = ("no gradient wanted", "forward", "forward and backward")


def contenders(torch):
    """{(call, direction): {"torch": function, "rectify": function}}"""
    import rectify.torch.functional as F

    TF = torch.nn.functional
    x = torch.randn(100, 10)
    bias, weight = torch.zeros(10), torch.full((10,), 0.1)
    functions = {
        "leaky_relu": ((x,), lambda t: TF.leaky_relu(t, 0.2), lambda t: F.leaky_relu(t, 0.2)),
        "relu6": ((x,), TF.relu6, F.relu6),
        "prelu": ((x, weight), TF.prelu, F.prelu),
        "bias, leaky_relu, gain": (
            (x, bias), lambda t, b: TF.leaky_relu(t + b, 0.2) * 1.5, lambda t, b: F.fused_leaky_relu(t, b, 0.2, 1.5)
        ),
    }  # fmt: skip
    dy = torch.ones_like(x)
    found = {}
    for name, (tensors, theirs, ours) in functions.items():
        wanted = [tensor.clone().requires_grad_() for tensor in tensors]
        for direction in DIRECTIONS:
            inputs = tensors if direction == DIRECTIONS[0] else wanted
            found[name, direction] = {
                who: called(torch, function, inputs, dy if direction == DIRECTIONS[2] else None)
                for who, function in (("torch", theirs), ("rectify", ours))
            }
    return found


def called(torch, function, tensors, dy):
    if dy is None:
        return lambda: function(*tensors)
    return lambda: torch.autograd.grad(function(*tensors), tensors, dy)


def microseconds(call):
    begin = time.process_time_ns()
    for _ in range(CALLS):
        call()
    return (time.process_time_ns() - begin) / 1000 / CALLS


def measure(rounds):
    import torch

    import rectify

    torch.set_num_threads(1)
    calls = contenders(torch)
    times = {key: {who: [] for who in sides} for key, sides in calls.items()}
    for _ in range(rounds):
        for key, sides in calls.items():
            for who, call in sides.items():
                times[key][who].append(microseconds(call))
    rows = [
        {"call": key[0], "direction": key[1], "who": who, "least_us": min(samples), "median_us": statistics.median(samples)}
        for key, sides in times.items()
        for who, samples in sides.items()
    ]
    return {
        "schema": "rectify-torch-calls/1", "machine": machine_name(), "date": str(date.today()), "commit": commit(),
        "torch": torch.__version__, "python": platform.python_version(), "rectify": rectify.__version__, "rounds": rounds,
        "elements": 1000, "rows": rows,
    }  # fmt: skip


def commit():
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def machine_name():
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


def table_of(record):
    """The lines of the page's region."""
    text = (
        f"Microseconds of CPU time for a call on 1,000 f32 elements: the least of {record['rounds']} rounds of {CALLS} calls, and the "
        f"median in parentheses. {record['machine']}, torch {record['torch']}, Python {record['python']}, "
        f"commit {record['commit']}, {record['date']}."
    )
    cells = {(row["call"], row["direction"], row["who"]): row for row in record["rows"]}
    body = [
        [call, direction, *(f"{row['least_us']:.1f} ({row['median_us']:.1f})" for row in pair(cells, call, direction))]
        for call in pages.distinct(row["call"] for row in record["rows"])
        for direction in DIRECTIONS
    ]
    return [*pages.paragraph(text), "", "```sh", COMMAND, "```", "", *pages.table(["call", "", "torch", "rectify"], body)]


def pair(cells, call, direction):
    return [cells[call, direction, who] for who in ("torch", "rectify")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="the record to write")
    parser.add_argument("--page", type=Path, help="the page whose region is written")
    parser.add_argument("--rounds", type=int, default=61)
    options = parser.parse_args()
    record = measure(options.rounds)
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    if options.page:
        options.page.write_text(pages.filled(options.page.read_text(), REGION, MADE_BY, table_of(record)))
    print("\n".join(table_of(record)))


if __name__ == "__main__":
    main()

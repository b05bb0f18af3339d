"""The summary, of one screen, that a run prints at its end."""

import json
from pathlib import Path

import rows
from pages import GIB

GOOD = 0.97  # fraction of the ceiling
STATUSES = ("passed", "failed", "cut", "absent")


def rows_of(out):
    path = Path(out) / "rows.jsonl"
    return rows.read(path)[0] if path.exists() else []


def of_run(machine, steps, measured, ended):
    lines = [
        f"{machine['gpu']['name']}, driver {machine['gpu']['driver_version']}, commit {machine['commit']}, {machine['date']}",
        f"{len(steps)} steps, {ended}",
        "",
        *table(steps),
        "",
        *best_copy(measured),
        *slow_ops(measured),
        *troubles(steps, measured),
    ]
    return "\n".join(lines) + "\n"


def table(steps):
    yield f"{'part':12} " + " ".join(f"{status:>7}" for status in STATUSES) + " seconds"
    for part in dict.fromkeys(step["part"] for step in steps):
        mine = [step for step in steps if step["part"] == part]
        counts = [sum(step["status"] == status for step in mine) for status in STATUSES]
        yield f"{part:12} " + " ".join(f"{count or '-':>7}" for count in counts) + f" {wall_seconds(mine):7.1f}"


def wall_seconds(steps):
    """Seconds from the first start to the last end, because some steps run side by side."""
    return max(step["begin"] + step["seconds"] for step in steps) - min(step["begin"] for step in steps)


def best_copy(measured):
    copies = [
        row
        for row in measured
        if row["op"] == "copy" and row["part"] == "ceilings" and row.get("tensor_bytes") == GIB and "gbps" in row
    ]
    if copies:
        best = max(copies, key=lambda row: row["gbps"])
        yield f"best copy at 1 GiB: {best['gbps']:.0f} GB/s ({best['who']})"


def is_large_op(row):
    """Whether a row is an op of rectify-bench on tensors of 1 GiB (or a little less, if whole images do not fit)."""
    return (
        row["part"] in ("ops", "sizes")
        and row["who"] == "rectify"
        and row.get("tensor_bytes", 0) > 0.98 * GIB
        and "of_ceiling" in row
    )


def slow_ops(measured):
    large = [row for row in measured if is_large_op(row)]
    slow = sorted((row for row in large if row["of_ceiling"] < GOOD), key=lambda row: row["of_ceiling"])
    if large:
        yield f"ops below {GOOD} of the ceiling at 1 GiB: {len(slow)} of {len(large)}"
    texts = [f"{row['op']} {row['dtype']} {row['of_ceiling']:.2f}" for row in slow]
    for at in range(0, len(texts), 3):
        yield "  " + "".join(f"{text:40}" for text in texts[at : at + 3]).rstrip()


def troubles(steps, measured):
    """One line for each step or row that failed, was cut or is absent; if there are many, only the first ones."""
    lines = [
        f"{step['status']}: {step['part']}: {step['name']}: {step['detail']}"
        for step in steps
        if step["status"] in ("failed", "cut")
    ]
    absent = dict.fromkeys(f"absent: {step['part']}: {step['detail']}" for step in steps if step["status"] == "absent")
    failed = [
        f"failed row: {row['part']}: {row['op']} {row.get('dtype', '')} {row['who']}: {row['failed']}"
        for row in measured
        if "failed" in row
    ]
    every = [*lines, *absent, *failed]
    most = 14
    yield from (line[:130] for line in every[:most])
    if len(every) > most:
        yield f"and {len(every) - most} more: steps.json, rows.jsonl"


def load(out):
    """Returns machine, steps and rows of a folder with the results of a run."""
    out = Path(out)
    steps = json.loads((out / "steps.json").read_text()) if (out / "steps.json").exists() else []
    return json.loads((out / "machine.json").read_text()), steps, rows_of(out)

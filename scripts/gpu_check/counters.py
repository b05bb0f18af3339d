"""Reduces ncu's counters to those that tell what bounds a kernel."""

import csv
import io
import re

COLUMNS = ("op", "dtype", "kernel", "us", "dram_percent", "issue_percent", "warps_percent", "registers", "blocks")
COUNTERS = {
    "dram_percent": "dram__throughput.avg.pct_of_peak_sustained_elapsed",
    "issue_percent": "smsp__issue_active.avg.pct_of_peak_sustained_active",
    "warps_percent": "sm__warps_active.avg.pct_of_peak_sustained_active",
}
PER_US = {"ns": 1e-3, "us": 1, "ms": 1e3, "s": 1e6, "nsecond": 1e-3, "usecond": 1, "msecond": 1e3, "second": 1e6}


def cut(text):
    """Reads profile.csv as a run writes it (a line '# OP DTYPE' before the table of each op) into rows of COLUMNS.

    If an op ran the same kernel twice, the last run is kept, because it had warm caches."""
    found = {}
    for block in re.split(r"^# ", text, flags=re.MULTILINE)[1:]:
        title, _, body = block.partition("\n")
        op, _, dtype = title.strip().rpartition(" ")
        lines = list(csv.DictReader(io.StringIO(body)))
        for line in lines[1:]:  # the first line has the units
            row = row_of(op, dtype, line, lines[0])
            found[op, dtype, row["kernel"]] = row
    return list(found.values())


def row_of(op, dtype, line, units):
    time = "gpu__time_duration.sum"
    row = {
        "op": op,
        "dtype": dtype,
        "kernel": short_kernel(line["Kernel Name"]),
        "us": round(number(line[time]) * PER_US[units[time]], 1),
    }
    row.update({name: round(number(line[counter]), 1) for name, counter in COUNTERS.items()})
    row.update(registers=int(number(line["launch__registers_per_thread"])), blocks=blocks_of(line.get("Grid Size", "")))
    return row


def number(text):
    return float(text.replace(",", ""))


def blocks_of(grid):
    blocks = 1
    for extent in re.findall(r"\d+", grid):
        blocks *= int(extent)
    return blocks


def short_kernel(name):
    """The name of a kernel without its return type and parameters; the template arguments identify it."""
    depth = 0
    for at, letter in enumerate(name):
        depth += (letter == "<") - (letter == ">")
        if letter == "(" and depth == 0:
            name = name[:at]
            break
    return name.removeprefix("void ").strip()


def write(path, rows):
    with open(path, "w", newline="") as to:
        writer = csv.DictWriter(to, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

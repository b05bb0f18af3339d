"""The tables of README.md, docs/performance.md, docs/gpu-figures.md and bench/results/, as Markdown, from the rows of one run."""

import earlier
from figures import PEERS, function_text, tensor_text
from pages import GIB, WHAT, distinct, percent, plain, size_text, table
from rows import DTYPES
from summary import GOOD, STATUSES, is_large_op, wall_seconds
from versus import versus_table

# Chosen ops at 1 GiB ---------------------------------------------------------------------------------------------


def rate_cells(row):
    return [f"{row['gbps']:,.0f}", percent(row["of_ceiling"])] if row else ["-", "-"]


def selected_table(rows, ops):
    """GB/s and percent of the ceiling of these ops, and the time of the peers divided by the time of rectify."""
    peers = [who for who in PEERS if any(rows.ratio(op, dtype, who) for op in ops for dtype in ("f32", "bf16"))]
    head = ["op", "what it does", "f32, GB/s", "of a copy", "bf16, GB/s", "of a copy", *(PEERS[who] for who in peers)]
    body = [
        [
            op,
            WHAT[op],
            *(cell for dtype in ("f32", "bf16") for cell in rate_cells(rows.large.get((op, dtype)))),
            *(ratio_cell(rows, op, who) for who in peers),
        ]
        for op in ops
        if any((op, dtype) in rows.large for dtype in ("f32", "bf16"))
    ]
    return table(head, body)


def ratio_cell(rows, op, who):
    ratios = [rows.ratio(op, dtype, who) for dtype in ("f32", "bf16")]
    return " / ".join(f"{ratio:.2f}" if ratio else "-" for ratio in ratios) if any(ratios) else ""


def slow_text(rows):
    """A sentence about the ops that do not reach the ceiling."""
    slow = {key: row["of_ceiling"] for key, row in rows.large.items() if row["of_ceiling"] < GOOD}
    if not rows.large:
        return []
    if not slow:
        return [f"Every op reaches {percent(GOOD)} of a copy."]
    worst_first = distinct(op for op, _ in sorted(slow, key=slow.get))
    listed = "; ".join(
        op + " (" + ", ".join(f"{dtype} {percent(slow[op, dtype])}" for dtype in DTYPES if (op, dtype) in slow) + ")"
        for op in worst_first
    )
    return [f"Below {percent(GOOD)} of a copy, slowest first: {listed}."]


# Ops and sizes ---------------------------------------------------------------------------------------------------


def rates_table(found, head):
    """GB/s and percent of the ceiling. `found`: the cells of `head` -> dtype -> row."""
    dtypes = [dtype for dtype in DTYPES if any(dtype in by_dtype for by_dtype in found.values())]
    body = [
        [*key, *(cell for dtype in dtypes for cell in rate_cells(by_dtype.get(dtype)))] for key, by_dtype in found.items()
    ]
    return table([*head, *(title for dtype in dtypes for title in (f"{dtype}, GB/s", "of a copy"))], body)


def by_dtype(found, key):
    groups = {}
    for row in found:
        groups.setdefault(key(row), {})[row["dtype"]] = row
    return groups


def own(rows, *parts):
    return [row for row in rows.part(*parts) if row["who"] == "rectify" and "of_ceiling" in row]


def ops_table(rows):
    return rates_table(by_dtype(rows.large.values(), lambda row: (row["op"], WHAT.get(row["op"], ""))), ["op", "what it does"])


def sizes_table(rows):
    found = [row for row in own(rows, "sizes") if "set" in row and not is_large_op(row)]
    return rates_table(by_dtype(found, lambda row: (row["op"], size_text(row["tensor_bytes"]))), ["op", "tensor"])


def shapes_table(rows):
    """Tensors that are not contiguous, and rows of odd lengths."""
    found = [*own(rows, "shapes"), *earlier.shapes(rows)]
    return rates_table(by_dtype(found, lambda row: (row["op"], tensor_text(row))), ["op", "tensor"])


def movers_table(rows):
    """The fastest movers of the traffic of forward and backward, by size."""
    found = [row for row in rows.movers if row["part"] in ("ops", "sizes", "small") and row["mode"].startswith("cold")]
    sizes = sorted({row["tensor_bytes"] for row in found if row["op"] in ("forward", "backward")}, reverse=True)
    body = []
    for op, what in (("forward", "read one, write one"), ("backward", "read two, write one")):
        rates = [[row["gbps"] for row in found if row["op"] == op and row["tensor_bytes"] == size] for size in sizes]
        body.append([what, *(f"{max(each):,.0f}" if each else "-" for each in rates)])
    return table(["fastest mover, GB/s", *map(size_text, sizes)], body if sizes else [])


def copy_text(rows):
    copies = [row for row in rows.movers if row["op"] == "forward" and row["tensor_bytes"] == GIB]
    if not copies:
        return earlier.copy_text(rows)
    best = max(copies, key=lambda row: row["gbps"])
    return f"The fastest copy of 1 GiB ran at {best['gbps']:,.0f} GB/s ({best['who']})."


# Small tensors ---------------------------------------------------------------------------------------------------


def small_table(rows):
    """Microseconds of a call on small tensors, f32 / bf16, by op and mode."""
    found = [row for row in rows.part("small") if row["who"] == "rectify"]
    return times_table([*found, *earlier.small(rows)], lambda row: row["op"] + (f", {row['mode']}" if "set" in row else ""))


def times_table(found, name):
    us = {(name(row), row["dtype"], row["tensor_bytes"]): row["us"] for row in found}
    sizes = (64 << 10, 1 << 20, 16 << 20)
    near = {size: {key: us for key, us in us.items() if 0.9 * size < key[2] <= size} for size in sizes}

    def cell(op, size):
        times = [next((us for key, us in near[size].items() if key[:2] == (op, dtype)), None) for dtype in ("f32", "bf16")]
        return " / ".join(plain(us) if us else "-" for us in times)

    body = [[op, *(cell(op, size) for size in sizes)] for op in distinct(key[0] for key in us)]
    return table(["op", *map(size_text, sizes)], body)


def host_table(rows):
    """Microseconds in which the host queues a call, and in which the call runs, on the smallest tensors."""
    found = [row for row in rows.part("small") if row["mode"] == "hot" and row["dtype"] == "f32" and "host_us" in row]
    smallest = [row for row in found if row["tensor_bytes"] == min(each["tensor_bytes"] for each in found)]
    return table(
        ["op", "who", "us of the host", "us of a call"],
        [[row["op"], row["who"], f"{row['host_us']:.2f}", f"{row['us']:.2f}"] for row in smallest],
    )


# Peers -----------------------------------------------------------------------------------------------------------


def cpp_peers_table(rows):
    found = {}
    for row in rows.part("ops", "small"):
        if "set" in row and "vs_rectify" in row or row["who"] == "rectify" and "alpha" in row:
            key = row["op"] + function_text(row) + (f", {row['mode']}" if row["mode"] != "cold" else "")
            group = found.setdefault((key, size_text(row["tensor_bytes"])), {}).setdefault(row["dtype"], {})
            group[row["who"]] = (row["us"], row.get("vs_rectify", 1.0))
    return versus_table(found)


def python_table(rows, modes, name=lambda row: row["op"]):
    """The first row of each: rectify has a second one if more peers were measured in a separate round."""
    found = {}
    for row in rows.part("python"):
        if row.get("mode") in modes and "dtype" in row and (row["who"] == "rectify" or "vs_rectify" in row):
            by_dtype = found.setdefault((name(row), size_text(row["tensor_bytes"])), {})
            by_dtype.setdefault(row["dtype"], {}).setdefault(row["who"], (row["us"], row.get("vs_rectify", 1.0)))
    return versus_table(found)


def memory_table(rows):
    """Memory that forward and backward allocate beside their inputs, in MiB."""
    found = {}
    for row in rows.part("python"):
        if "peak_bytes" in row:
            found.setdefault((row["op"], row["dtype"]), {}).setdefault(row["who"], row["peak_bytes"])
    peers = distinct(who for by_who in found.values() for who in by_who)
    return table(
        ["op", "dtype", *peers],
        [
            [*key, *(f"{by_who[who] / (1 << 20):,.0f}" if who in by_who else "" for who in peers)]
            for key, by_who in found.items()
            if len(by_who) > 1
        ],
    )


def absent_lines(rows):
    """Peers that were absent, those that failed, and figures above the ceiling, each once."""
    by_text = {}
    for row in rows.all:
        for outcome in ("absent", "failed"):
            if outcome in row:
                by_text.setdefault((row["who"], outcome, row[outcome]), []).append(row["op"])
        if row.get("fault"):
            by_text.setdefault((row["who"], "fault", f"{percent(row['of_ceiling'])} of a copy"), []).append(row["op"])
    return [
        f"- {who}, {outcome} ({', '.join(distinct(ops)[:4])}{', ...' if len(distinct(ops)) > 4 else ''}): {text}"
        for (who, outcome, text), ops in by_text.items()
    ]


# Kernels ---------------------------------------------------------------------------------------------------------


def sweep_table(rows):
    """The best and the worst of the kernels that differ in packs, threads and kind of store."""
    found = {}
    for row in rows.part("sweep"):
        if "of_ceiling" in row and row["who"] != "rectify":
            found.setdefault((row["op"], row["dtype"]), []).append(row)
    body = []
    for key, mine in found.items():
        ordered = sorted(mine, key=lambda row: row["us"])
        ends = [cell for row in (ordered[0], ordered[-1]) for cell in (row["who"], percent(row["of_ceiling"]))]
        body.append([*key, str(len(mine)), *ends])
    return table(["op", "dtype", "kernels", "fastest", "of a copy", "slowest", "of a copy"], body)


def profile_table(profiled):
    return table(
        ["op", "dtype", "kernel", "us", "DRAM", "issue slots", "warps", "registers"],
        [
            [
                row["op"],
                row["dtype"],
                f"`{row['kernel']}`",
                plain(row["us"]),
                f"{row['dram_percent']:.0f} %",
                f"{row['issue_percent']:.0f} %",
                f"{row['warps_percent']:.0f} %",
                str(row["registers"]),
            ]
            for row in profiled
        ],
    )


# Steps -----------------------------------------------------------------------------------------------------------


def parts_table(steps):
    body = []
    for part in distinct(step["part"] for step in steps):
        mine = [step for step in steps if step["part"] == part]
        counts = [sum(step["status"] == status for step in mine) for status in STATUSES]
        body.append([part, *(str(count) if count else "" for count in counts), f"{wall_seconds(mine):.0f}"])
    return table(["part", *STATUSES, "seconds"], body)


def steps_table(steps):
    return table(
        ["step", "outcome", "seconds", "detail"],
        [
            [
                f"{step['part']}: {step['name']}" if step["name"] != step["part"] else step["part"],
                step["status"],
                f"{step['seconds']:.1f}",
                step["detail"],
            ]
            for step in steps
        ],
    )

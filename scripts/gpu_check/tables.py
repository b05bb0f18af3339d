"""The tables of README.md, docs/performance.md, docs/gpu-figures.md and bench/results/, as Markdown, from the rows of one run."""

from figures import DTYPES, PEERS
from pages import GIB, WHAT, distinct, percent, plain, size_text, table
from summary import GOOD, STATUSES, wall_seconds


# Ops at 1 GiB ----------------------------------------------------------------------------------------------------


def rate_cells(rows, op, dtype):
    row = rows.large.get((op, dtype))
    return [f"{row['gbps']:,.0f}", percent(row["of_ceiling"])] if row else ["-", "-"]


def selected_table(rows, ops):
    """GB/s and percent of the ceiling of these ops, and the time of the peers divided by the time of rectify."""
    peers = [who for who in PEERS if any(rows.ratio(op, dtype, who) for op in ops for dtype in ("f32", "bf16"))]
    head = ["op", "what it does", "f32, GB/s", "of a copy", "bf16, GB/s", "of a copy", *(PEERS[who] for who in peers)]
    body = [
        [op, WHAT[op], *rate_cells(rows, op, "f32"), *rate_cells(rows, op, "bf16"), *(ratio_cell(rows, op, who) for who in peers)]
        for op in ops
        if any((op, dtype) in rows.large for dtype in ("f32", "bf16"))
    ]
    return table(head, body)


def ratio_cell(rows, op, who):
    ratios = [rows.ratio(op, dtype, who) for dtype in ("f32", "bf16")]
    return " / ".join(f"{ratio:.2f}" if ratio else "-" for ratio in ratios) if any(ratios) else ""


def ops_table(rows):
    ops = distinct(op for op, _ in rows.large)
    dtypes = [dtype for dtype in DTYPES if any((op, dtype) in rows.large for op in ops)]
    head = ["op", "what it does", *(title for dtype in dtypes for title in (f"{dtype}, GB/s", "of a copy"))]
    return table(head, [[op, WHAT.get(op, ""), *(cell for dtype in dtypes for cell in rate_cells(rows, op, dtype))] for op in ops])


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


def copy_text(rows):
    copies = [row for row in rows.part("ceilings") if row["op"] == "copy" and row["tensor_bytes"] == GIB]
    if not copies:
        return ""
    best, memcpy = max(copies, key=lambda row: row["gbps"]), [row for row in copies if row["who"] == "cudaMemcpyAsync"]
    when = " in an earlier run" if "commit" in best else ""
    text = f"The fastest copy of 1 GiB ran at {best['gbps']:,.0f} GB/s{when}"
    return text + (f", cudaMemcpyAsync at {memcpy[0]['gbps']:,.0f}." if memcpy else ".")


# Everything else -------------------------------------------------------------------------------------------------


def earlier(rows, part):
    """A sentence if the figures of a part are from an earlier run."""
    commits = distinct(row["commit"] for row in rows.part(part) if "commit" in row)
    return f" From an earlier run, at commit {', '.join(commits)}." if commits else ""


def ceilings_table(rows):
    """The best kernel of each kind of traffic, by size."""
    found = [row for row in rows.part("ceilings") if row["mode"] == "cold"]
    sizes = sorted({row["tensor_bytes"] for row in found}, reverse=True)
    kinds = {"copy": "read one, write one", "add": "read two, write one", "read": "read one", "write": "write one"}
    body = []
    for op, what in kinds.items():
        best = [
            max((row["gbps"] for row in found if row["op"] == op and row["tensor_bytes"] == size), default=None) for size in sizes
        ]
        body.append([what, *(f"{rate:,.0f}" if rate else "-" for rate in best)])
    return table(["best kernel, GB/s", *map(size_text, sizes)], body)


def small_table(rows):
    """Microseconds of a call on small tensors, f32 / bf16."""
    found = {
        (row["op"], row["dtype"], row["tensor_bytes"]): row["us"]
        for row in rows.part("ops", "sizes")
        if row["mode"] == "rectify-bench, small"
    }
    sizes = [size for size in (64 << 10, 1 << 20, 16 << 20)]
    near = {size: {key: us for key, us in found.items() if 0.9 * size < key[2] <= size} for size in sizes}

    def cell(op, size):
        times = [next((us for key, us in near[size].items() if key[:2] == (op, dtype)), None) for dtype in ("f32", "bf16")]
        return " / ".join(plain(us) if us else "-" for us in times)

    return table(
        ["op", *map(size_text, sizes)], [[op, *(cell(op, size) for size in sizes)] for op in distinct(key[0] for key in found)]
    )


def shapes_table(rows):
    """A table of tensors that are not contiguous, and of rows of odd lengths."""
    large = [row for row in rows.part("ops", "sizes") if row["tensor_bytes"] < 0.98 * GIB and row["mode"] != "rectify-bench, small"]
    found = [row for row in [*rows.part("shapes"), *large] if row["who"] == "rectify" and "of_ceiling" in row]
    by_key = {}
    for row in found:
        by_key.setdefault((row["op"], row["shape"]), {})[row["dtype"]] = row
    body = [
        [
            op,
            shape,
            *(
                cell
                for dtype in ("f32", "bf16")
                for cell in ([f"{both[dtype]['gbps']:,.0f}", percent(both[dtype]["of_ceiling"])] if dtype in both else ["-", "-"])
            ),
        ]
        for (op, shape), both in by_key.items()
    ]
    return table(["op", "tensor", "f32, GB/s", "of a copy", "bf16, GB/s", "of a copy"], body)


def host_table(rows):
    modes = {"host": "the host, for a call", "hot": "the GPU, for a node of a graph"}
    return table(
        ["what", "who", "us", "time of"],
        [
            [row["op"].removeprefix("graph node, "), row["who"], f"{row['us']:.2f}", modes.get(row["mode"], row["mode"])]
            for row in rows.part("host")
        ],
    )


def versus_table(found):
    """A table of microseconds of rectify, and of the time of each peer as a multiple of them, f32 / bf16.

    `found`: (op, size) -> dtype -> who -> (us, ratio)."""
    peers = distinct(who for by_dtype in found.values() for by_who in by_dtype.values() for who in by_who if who != "rectify")

    def cell(by_dtype, who, text):
        pairs = [by_dtype.get(dtype, {}).get(who) for dtype in ("f32", "bf16")]
        return " / ".join(text(pair) if pair else "-" for pair in pairs) if any(pairs) else ""

    body = [
        [
            *key,
            cell(by_dtype, "rectify", lambda pair: plain(pair[0])),
            *(cell(by_dtype, who, lambda pair: f"{pair[1]:.2f}") for who in peers),
        ]
        for key, by_dtype in found.items()
        if any("rectify" in by_who and len(by_who) > 1 for by_who in by_dtype.values())
    ]
    return table(["op", "tensor", "rectify, us", *peers], body)


def cpp_peers_table(rows):
    found = {}
    for row in rows.part("peers"):
        if "dtype" in row and row["mode"] == "cold":
            by_dtype = found.setdefault((row["op"], size_text(row["tensor_bytes"])), {})
            by_dtype.setdefault(row["dtype"], {})["cuDNN" if row["who"].startswith("cudnn") else row["who"]] = row["us"]
    for by_dtype in found.values():
        for dtype, us in by_dtype.items():
            by_dtype[dtype] = {who: (us[who], us[who] / us["rectify"]) for who in us} if "rectify" in us else {}
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
    """Peers that were absent, and those that failed, each once."""
    by_text = {}
    for row in rows.all:
        for outcome in ("absent", "failed"):
            if outcome in row:
                by_text.setdefault((row["who"], outcome, row[outcome]), []).append(row["op"])
    return [
        f"- {who}, {outcome} ({', '.join(distinct(ops)[:4])}{', ...' if len(distinct(ops)) > 4 else ''}): {text}"
        for (who, outcome, text), ops in by_text.items()
    ]


def sweep_table(rows):
    """The best and the worst of the kernels that differ in packs, threads and kind of store."""
    found = {}
    for row in rows.part("sweep"):
        if "of_ceiling" in row and "dtype" in row:
            found.setdefault((row["op"], row["dtype"]), []).append(row)
    body = []
    for (op, dtype), mine in found.items():
        ordered = sorted(mine, key=lambda row: row["us"])
        body.append(
            [
                op,
                dtype,
                str(len(mine)),
                ordered[0]["who"],
                percent(ordered[0]["of_ceiling"]),
                ordered[-1]["who"],
                percent(ordered[-1]["of_ceiling"]),
            ]
        )
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

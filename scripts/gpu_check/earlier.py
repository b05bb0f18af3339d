"""Tables from rows that only earlier runs have: of parts ceilings, host and peers, and without a field `set`.

To be removed when bench/results has a new run."""

from pages import GIB, distinct, size_text, table
from versus import versus_table

CPP_OP = {"forward": "leaky_forward", "backward": "leaky_backward"}
CEILINGS = ("copy", "add", "read", "write")
SMALL = "rectify-bench, small"
SMALL_TEXT = "Microseconds per call, f32 / bf16, in a series of calls on one stream and on the same buffers."
COPY_MEANS = (
    '"Of a copy" is by an earlier version of the benchmark: it compares the op with cudaMemcpyAsync of as many bytes, not with the '
    "fastest copy. At 100 % both take the same time."
)
HOST_TEXT = "A tensor of [64, 1024] in f32."


def earlier(rows, part):
    """A sentence if the figures of a part are from another run."""
    commits = distinct(row["commit"] for row in rows.part(part) if "commit" in row)
    return f" From an earlier run, at commit {', '.join(commits)}." if commits else ""


def cub_ratio(rows, op, dtype):
    us = {
        row["who"]: row["us"]
        for row in rows.part("peers")
        if (row["op"], row.get("dtype"), row["mode"], row["tensor_bytes"]) == (CPP_OP.get(op), dtype, "cold", GIB)
    }
    return us["cub::DeviceTransform"] / us["rectify"] if {"cub::DeviceTransform", "rectify"} <= set(us) else None


def copy_text(rows):
    copies = [row for row in rows.part("ceilings") if row["op"] == "copy" and row["tensor_bytes"] == GIB]
    if not copies:
        return ""
    best, memcpy = max(copies, key=lambda row: row["gbps"]), [row for row in copies if row["who"] == "cudaMemcpyAsync"]
    when = " in an earlier run" if "commit" in best else ""
    text = f"The fastest copy of 1 GiB ran at {best['gbps']:,.0f} GB/s{when}"
    return text + (f", cudaMemcpyAsync at {memcpy[0]['gbps']:,.0f}." if memcpy else ".")


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
    return table(["best kernel, GB/s", *map(size_text, sizes)], body) if found else []


def small(rows):
    return [row for row in rows.part("ops", "sizes") if row["mode"] == SMALL]


def shapes(rows):
    """Rows of parts other than shapes that have odd shapes."""
    found = [row for row in rows.part("ops", "sizes") if "set" not in row and "of_ceiling" in row]
    return [row for row in found if row["tensor_bytes"] < 0.98 * GIB and row["mode"] != SMALL]


def host_table(rows):
    modes = {"host": "the host, for a call", "hot": "the GPU, for a node of a graph"}
    return table(
        ["what", "who", "us", "time of"],
        [
            [row["op"].removeprefix("graph node, "), row["who"], f"{row['us']:.2f}", modes.get(row["mode"], row["mode"])]
            for row in rows.part("host")
        ],
    )


def peers_table(rows):
    found = {}
    for row in rows.part("peers"):
        if "dtype" in row and row["mode"] == "cold":
            by_dtype = found.setdefault((row["op"], size_text(row["tensor_bytes"])), {})
            by_dtype.setdefault(row["dtype"], {})["cuDNN" if row["who"].startswith("cudnn") else row["who"]] = row["us"]
    for by_dtype in found.values():
        for dtype, us in by_dtype.items():
            by_dtype[dtype] = {who: (us[who], us[who] / us["rectify"]) for who in us} if "rectify" in us else {}
    return versus_table(found)


def is_mover_of_another_part(row):
    return row["op"] in CEILINGS and row["part"] not in ("ceilings", "python") and "us" in row


def without_slower_movers(measured):
    """Leaves out all but the best of the movers that other parts timed too."""
    best = {}

    def key(row):
        return row["part"], row["op"], row.get("tensor_bytes"), row.get("mode")

    for row in filter(is_mover_of_another_part, measured):
        if key(row) not in best or row["us"] < best[key(row)]["us"]:
            best[key(row)] = row
    return [row for row in measured if not is_mover_of_another_part(row) or best[key(row)] is row]

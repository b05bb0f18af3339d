#!/usr/bin/env python3
"""Draws docs/images/cpu-ops.svg, cpu-sizes.svg and cpu-small.svg from the records in bench/results/<machine>, and traffic.svg, which needs
none. Needs matplotlib (Debian: python3-matplotlib).

Usage: bench/plot.py [--root DIR] [FOLDER]     FOLDER is bench/results/<machine>; without it, only traffic.svg is drawn
"""

import argparse
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "scripts"))
import records  # noqa: E402
import traffic  # noqa: E402
from pages import distinct, size_text  # noqa: E402

try:
    import matplotlib
except ImportError:
    sys.exit("bench/plot.py: needs matplotlib (Debian: python3-matplotlib)")
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.patches import Patch  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator  # noqa: E402

# The colours of Okabe and Ito, which colour-blind readers can tell apart; peers differ by shape, too.
BLUE, SKY, ORANGE, INK, QUIET = "#0072B2", "#8CC6EA", "#E69F00", "#1b1f24", "#57606a"
PEERS = {"loop": ("#8a8f98", "s"), "Eigen": ("#009E73", "^"), "oneDNN": ("#D55E00", "D"), "PyTorch": ("#B0539A", "o")}
DTYPES = {"f32": BLUE, "bf16": SKY}
WIDTH = 9  # inches; README shows it with about 900 pixels


# Parts of every picture -------------------------------------------------------------------------------------------------


def picture(height, panels, title, subtitle, handles=(), **more):
    """A figure of panels in a row, and the inches above them that a title, lines of text and a legend take."""
    figure, axes = pyplot.subplots(1, panels, figsize=(WIDTH, height), squeeze=False, **more)
    lines = textwrap.wrap(subtitle, 132)
    figure.text(0.012, 1 - 0.15 / height, title, fontsize=11.5, fontweight="bold", va="top")
    figure.text(0.012, 1 - 0.41 / height, "\n".join(lines), color=QUIET, va="top", linespacing=1.45)
    used = 0.48 + 0.17 * len(lines)
    if handles:
        figure.legend(handles=handles, ncols=len(handles), bbox_to_anchor=(0.006, 1 - used / height), loc="upper left")
    return figure, list(axes[0]), used + (0.2 if handles else 0)


def save(figure, path, paths=()):
    """The same file for the same records. It names their contents, so that a test can tell a stale picture."""
    about = f"drawn by bench/plot.py; records {records.digest(paths)}" if paths else "drawn by bench/plot.py"
    figure.savefig(path, metadata={"Date": None, "Description": about})
    pyplot.close(figure)
    print(f"bench/plot.py: wrote {path}")


def about(record):
    machine = record.machine
    return f"{machine['name']}, {machine['threads']} threads; commit {machine['commit']}, {record.date()}"


def sizes_axis(axes, sizes, step):
    """A logarithmic axis of tensor sizes with a tick at each `step`-th."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(sorted(sizes)[::step]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda size, _: size_text(int(size)).removesuffix("B").removesuffix("i").replace(" ", ""))
    )


def label_ends(axes, ends, gap=9.5):
    """Writes a name beside the end of each line, (x, y, name, colour); names keep a distance of `gap` points."""
    to_points = 72 / axes.figure.dpi
    placed = []
    for x, y, name, colour in sorted(ends, key=lambda end: end[1]):
        at = axes.transData.transform((x, y))[1] * to_points
        placed.append([max(at, placed[-1][0] + gap) if placed else at, at, x, y, name, colour])
    down = max(0, placed[-1][0] - axes.bbox.y1 * to_points) if placed else 0
    for at, own, x, y, name, colour in placed:
        offset = (7, at - down - own)
        axes.annotate(name, (x, y), offset, textcoords="offset points", color=colour, va="center", fontweight="bold", fontsize=8)


# Pictures ---------------------------------------------------------------------------------------------------------------


def draw_ops(found, path, paths):
    """Bars for f32 and bf16, and a mark for each peer: the cold rows of peers if there are any, otherwise those of every op."""
    source = (beside_peers(found) or records.of_part(found, "ops"))[0]
    cold = [row for row in source.rows if row["mode"] == "cold"]
    rows = {(row["op"], row["dtype"]): row for row in cold if row["who"] == "rectify"}
    peers = [row for row in source.of_peers() if row in cold]
    ops = distinct(op for op, _ in rows)
    ops.sort(key=lambda op: min(rows[op, dtype]["of_ceiling"] for dtype in DTYPES if (op, dtype) in rows), reverse=True)
    sizes = distinct(size_text(row["tensor_bytes"]) for row in rows.values())
    height = 1.5 + 0.29 * len(ops)
    handles = [Patch(color=colour, label=f"rectify, {dtype}") for dtype, colour in DTYPES.items()]
    seen = [who for who in PEERS if any(peer["who"] == who for peer in peers)]
    handles += [Line2D([], [], ls="", marker=PEERS[who][1], color=PEERS[who][0], label=who, markersize=4.5) for who in seen]
    figure, (axes,), used = picture(
        height,
        1,
        f"Speed of each op on tensors of {' and '.join(sizes[:3])}, in percent of the ceiling",
        f"{about(source)}. The tensors are not in the caches. The ceiling is the fastest copy of as many bytes. "
        "A large mark with a black edge is a peer that is faster than rectify.",
        handles,
    )
    figure.subplots_adjust(left=0.205, right=0.905, top=1 - (used + 0.22) / height, bottom=0.3 / height)
    right = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "center"}
    axes.text(1.085, -0.9, "f32 / bf16", color=QUIET, **right)
    for at, op in enumerate(ops):
        both = [rows.get((op, dtype)) for dtype in DTYPES]
        axes.text(1.085, at, " / ".join(f"{100 * row['of_ceiling']:.0f}" if row else "-" for row in both), **right)
        for y, row in zip((at - 0.19, at + 0.19), both):
            if row:
                draw_bar(axes, y, row, [peer for peer in peers if (peer["op"], peer["dtype"]) == (op, row["dtype"])])
    axes.set_ylim(len(ops) - 0.5, -0.5)
    axes.set_yticks(range(len(ops)), ops, color=INK)
    axes.set_xlim(0, max(105, *(100 * row["of_ceiling"] for row in [*rows.values(), *peers])))
    axes.set_xticks(range(0, 101, 20), [f"{tick} %" for tick in range(0, 101, 20)])
    axes.tick_params(length=0)
    axes.grid(axis="x")
    axes.axvline(100, color=QUIET, linewidth=1, zorder=1)
    save(figure, path, paths)


def beside_peers(found):
    return [record for record in records.of_part(found, "peers") if any(row["mode"] == "cold" for row in record.of_peers())]


def draw_bar(axes, y, row, peers):
    axes.barh(y, 100 * row["of_ceiling"], 0.34, color=DTYPES[row["dtype"]])
    for peer in peers:
        colour, shape = PEERS.get(peer["who"], (INK, "v"))
        wins = peer["vs_rectify"] < 1
        edge = {"s": 34, "edgecolors": "black", "linewidths": 1} if wins else {"s": 20, "edgecolors": "white", "linewidths": 0.5}
        axes.scatter(100 * peer["of_ceiling"], y, color=colour, marker=shape, zorder=4 if wins else 3, clip_on=False, **edge)


def draw_sizes(found, path, paths):
    record = records.of_part(found, "sizes")[0]
    rows = record.of_rectify()
    ops = distinct(row["op"] for row in rows)
    handles = [
        Line2D([], [], color=colour, marker="o", markersize=3.5, label=f"rectify, {dtype}") for dtype, colour in DTYPES.items()
    ]
    handles += [Line2D([], [], color=QUIET, linestyle="--", linewidth=1, label="the ceiling: the fastest copy of as many bytes")]
    figure, panels, used = picture(
        4.3,
        len(ops),
        "GB/s by the bytes of a tensor",
        f"{about(record)}. Every call uses the same tensors (hot). To the right of a dotted line, the tensors of a call together do not "
        "fit into the L2 caches of the threads, or into the L3 cache.",
        handles,
        sharey=True,
    )
    figure.subplots_adjust(left=0.065, right=0.985, top=1 - (used + 0.27) / 4.3, bottom=0.075, wspace=0.06)
    top = 1.12 * max(max(row["gbps"], row["bytes"] / row["ceiling_us"] / 1e3) for row in rows)
    for axes, op in zip(panels, ops):
        for dtype in [dtype for dtype in ("bf16", "f32") if any(row["dtype"] == dtype for row in rows)]:
            mine = sorted((row for row in rows if (row["op"], row["dtype"]) == (op, dtype)), key=lambda row: row["tensor_bytes"])
            x = [row["tensor_bytes"] for row in mine]
            axes.plot(x, [row["bytes"] / row["ceiling_us"] / 1e3 for row in mine], "--", color=DTYPES[dtype], linewidth=1.1)
            low, high = ([row["bytes"] / row[end] / 1e3 for row in mine] for end in ("us_p90", "us_p10"))
            axes.fill_between(x, low, high, color=DTYPES[dtype], alpha=0.25, linewidth=0)
            axes.plot(x, [row["gbps"] for row in mine], "o-", color=DTYPES[dtype], linewidth=1.8, markersize=3.5)
        mark_caches(axes, record.machine, [row for row in rows if row["op"] == op], top)
        axes.set_title(op, loc="left", fontweight="bold")
        axes.grid(axis="y")
        axes.set_ylim(0, top)
        sizes_axis(axes, {row["tensor_bytes"] for row in rows}, 2)
        axes.tick_params(length=2)
    panels[0].set_ylabel("GB/s")
    save(figure, path, paths)


def mark_caches(axes, machine, rows, top):
    """A line at the tensor size at which all tensors of a call fill a cache. Each thread has an L2 cache of its own."""
    per_byte = rows[0]["bytes"] / rows[0]["tensor_bytes"]
    for name, size in (machine.get("caches") or {}).items():
        at = size * (machine["threads"] if name == "L2" else 1) / per_byte
        if name != "L1d" and at < max(row["tensor_bytes"] for row in rows):
            axes.axvline(at, color=QUIET, linewidth=0.9, linestyle=":", zorder=1)
            axes.text(at * 1.12, top, name, color=QUIET, va="top", fontsize=7.5)


def draw_small(found, path, paths):
    record = records.of_part(found, "small")[0]
    rows = [*record.of_rectify(), *record.of_peers()]
    dtype = rows[0]["dtype"]
    rows = [row for row in rows if row["dtype"] == dtype]
    ops = distinct(row["op"] for row in rows)
    figure, panels, used = picture(
        4.1,
        len(ops),
        "Microseconds of a call on small tensors, by the bytes of a tensor",
        f"{about(record)}; {dtype}. Every call uses the same tensors (hot). Lower is faster; both axes are logarithmic. Dashed: the "
        "fastest copy of as many bytes.",
        sharey=True,
    )
    figure.subplots_adjust(left=0.055, right=0.92, top=1 - (used + 0.27) / 4.1, bottom=0.075, wspace=0.42)
    times = [row[field] for row in rows for field in ("us", "ceiling_us")]
    for axes, op in zip(panels, ops):
        axes.set_yscale("log")
        axes.set_ylim(0.7 * min(times), 1.5 * max(times))
        mine = [row for row in rows if row["op"] == op]
        sizes_axis(axes, {row["tensor_bytes"] for row in mine}, 1)
        axes.set_xlim(min(row["tensor_bytes"] for row in mine) / 1.4, max(row["tensor_bytes"] for row in mine) * 1.15)
        curves = {"copy": [(row["tensor_bytes"], row["ceiling_us"]) for row in mine if row["who"] == "rectify"]}
        for who in [*(who for who in PEERS if any(row["who"] == who for row in mine)), "rectify"]:
            curves[who] = [(row["tensor_bytes"], row["us"]) for row in mine if row["who"] == who]
        ends = []
        for who, curve in curves.items():
            colour, shape = {"copy": (INK, ""), "rectify": (BLUE, "o"), **PEERS}[who]
            width, size = (2.6, 5) if who == "rectify" else (1.2, 3.5)
            x, y = zip(*sorted(curve))
            axes.plot(x, y, "--" if who == "copy" else "-", marker=shape, color=colour, linewidth=width, markersize=size)
            ends.append((x[-1], y[-1], who, colour))
        label_ends(axes, ends)
        axes.set_title(op, loc="left", fontweight="bold")
        axes.grid(axis="y")
        axes.yaxis.set_major_locator(LogLocator(10, (1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.tick_params(length=2, labelleft=True)
    save(figure, path, paths)


def draw_traffic(path):
    kinds = {"a framework, one op at a time": "#9aa0a8", "fused by rectify": BLUE, "fused, with a mask": ORANGE}
    figure, (moved, kept), used = picture(
        5.4,
        2,
        "What fusion and masks save: bytes per element of f32, forward and backward",
        "Counted, not measured. Dark: forward, light: backward. Below each layer: what a framework runs, one op at a time. "
        "In bf16 all but the mask is half as much.",
        [Patch(color=colour, label=kind) for kind, colour in kinds.items()],
        gridspec_kw={"width_ratios": [2.2, 1]},
        sharey=True,
    )
    figure.subplots_adjust(left=0.262, right=0.985, top=1 - (used + 0.3) / 5.4, bottom=0.01, wspace=0.06)
    for at, layer in enumerate(traffic.LAYERS):
        for place, (colour, passes) in enumerate(zip(kinds.values(), (layer.unfused, layer.fused, layer.with_mask))):
            y = at + (place - 1) * 0.25
            if passes is None:
                moved.text(0.6, y, f"a mask is not enough: {layer.why_no_mask}", va="center", color=QUIET, fontsize=7.5)
                continue
            forward, backward = passes.moved_bytes(4)
            moved.barh(y, forward, 0.22, color=colour)
            moved.barh(y, backward, 0.22, left=forward, color=colour, alpha=0.6)
            moved.text(forward + backward + 0.5, y, f"{forward + backward:g}", va="center")
            kept.barh(y, passes.kept_bytes(4), 0.22, color=colour)
            kept.text(passes.kept_bytes(4) + 0.12, y, f"{passes.kept_bytes(4):g}", va="center")
        words = f"forward: {layer.forward}\nbackward: {layer.backward}"
        left = {"transform": moved.get_yaxis_transform(), "ha": "right"}
        moved.text(-0.025, at - 0.13, layer.title, va="center", fontweight="bold", **left)
        moved.text(-0.025, at + 0.01, words, va="top", color=QUIET, fontsize=7.5, linespacing=1.35, **left)
    for axes, title in ((moved, "moved between memory and processor"), (kept, "kept from forward to backward")):
        axes.set_title(title, loc="left", color=QUIET, pad=8)
        axes.set_ylim(len(traffic.LAYERS) - 0.5, -0.5)
        axes.tick_params(left=False, labelleft=False, bottom=False, labelbottom=False)
        axes.spines["bottom"].set_visible(False)
    moved.set_xlim(0, 70)
    kept.set_xlim(0, 9.5)
    save(figure, path)


PICTURES = {"ops": draw_ops, "sizes": draw_sizes, "small": draw_small}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--root", default=ROOT, help="a folder with docs, instead of the repository")
    given = parser.parse_args()
    images = Path(given.root) / "docs" / "images"
    try:
        images.mkdir(parents=True, exist_ok=True)
        with pyplot.style.context(Path(__file__).with_suffix(".mplstyle")):
            draw_traffic(images / "traffic.svg")
            if given.folder:
                found = records.load(given.folder)
                for part in [part for part in PICTURES if records.of_part(found, part)]:
                    PICTURES[part](found, images / f"cpu-{part}.svg", records.paths_in(given.folder))
    except records.Problem as problem:
        sys.exit(f"bench/plot.py: {problem}")


if __name__ == "__main__":
    main()

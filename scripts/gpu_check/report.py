"""gpu-check report: writes bench/results/<gpu>/, the tables of three pages (PAGES), and a picture from the results of a run."""

import json
import re
import shutil
import time
from pathlib import Path

import counters
import earlier
import figures
import pages
import picture
import summary
import tables
from pages import paragraph, sentence
from problem import Problem, of_os_error
from rows import short_gpu_name, significant

ROOT = Path(__file__).resolve().parents[2]
REGION = "gpu-table"
MADE_BY = "made by scripts/gpu-check.sh report; edit scripts/gpu_check/report.py instead"
DROPPED = ("runs", "calls", "sets", "elements", "us_min", "us_max", "us_samples", "repro", "ceiling_us", "noise")
README, PERFORMANCE, FIGURES = PAGES = ("README.md", "docs/performance.md", "docs/gpu-figures.md")


def report(arguments):
    out = Path(arguments.out)
    try:
        machine, steps, measured = summary.load(out)
        gpu = machine["gpu"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        raise Problem(f"{out} is no folder that a run left: its machine.json or steps.json cannot be read") from None
    root = Path(arguments.into) if arguments.into else ROOT
    if "SAMPLE" in gpu and root.resolve() == ROOT:
        raise Problem(f"{out} is a sample, not a measurement, and may not be quoted; --into DIR writes it elsewhere")
    name = arguments.name or short_gpu_name(gpu)
    for page in PAGES:
        require_region(root / page)
    try:
        write_all(out, root, name, machine, steps, measured)
    except OSError as error:
        raise of_os_error(error, error.filename or root) from None
    return 0


def write_all(out, root, name, machine, steps, measured):
    kept = list(cut(measured))
    rows = figures.Rows(kept)  # not `measured`, so that a report of bench/results/<gpu> writes the same pages again
    results = root / "bench" / "results" / name
    results.mkdir(parents=True, exist_ok=True)
    profiled = counters.cut((out / "profile.csv").read_text()) if (out / "profile.csv").exists() else []
    (results / "machine.json").write_text(json.dumps(machine, indent=1) + "\n")
    (results / "steps.json").write_text("[\n" + ",\n".join(json.dumps(step) for step in steps) + "\n]\n")
    (results / "rows.jsonl").write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in kept))
    counters.write(results / "profile.csv", profiled)
    compiled = out / "torch-compile.json"
    if compiled.exists() and compiled.resolve() != (results / compiled.name).resolve():
        shutil.copy(compiled, results)
    (results / "README.md").write_text(results_page(machine, steps, measured, profiled))

    image = root / "docs" / "images" / f"gpu-{name}.svg"
    drawing = picture.draw(rows, on_machine(machine))
    if drawing:
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_text(drawing)
    fill(root / README, readme_region(rows, machine, name, drawing))
    fill(root / PERFORMANCE, performance_region(rows, machine, name, drawing))
    fill(root / FIGURES, figures_region(rows, machine, name, steps, profiled))
    print(f"wrote {results}, {', '.join(PAGES)}" + (f" and {image}" if drawing else "; no op at 1 GiB, so no picture"))


def cut(measured):
    """Drops fields that can be computed or that no table needs, and all but the fastest mover of each case."""
    for row in earlier.without_slower_movers(measured):
        if not row.get("is_ceiling") or row["who"] == row.get("ceiling"):
            yield {
                name: significant(value) if isinstance(value, float) else value
                for name, value in row.items()
                if name not in DROPPED
            }


# Pages --------------------------------------------------------------------------------------------------------------


def require_region(page):
    try:
        content = page.read_text()
    except OSError as error:
        raise of_os_error(error, page) from None
    if not pages.has_region(content, REGION):
        raise Problem(f"{page} has no region between '{pages.begin_of(REGION)}' and '{pages.end_of(REGION)}'")


def fill(page, lines):
    page.write_text(pages.filled(page.read_text(), REGION, MADE_BY, lines))


def date_text(machine):
    return time.strftime("%d %B %Y", time.strptime(machine["date"], "%Y-%m-%dT%H:%M:%SZ")).lstrip("0")


def on_machine(machine):
    toolkit = f", CUDA {machine['nvcc']}" if "nvcc" in machine else ""
    gpu = machine["gpu"]
    return f"one {gpu['name']}, driver {gpu['driver_version']}{toolkit}; commit {machine['commit']}, {date_text(machine)}"


def picture_lines(name, drawing, folder):
    return (
        [f"![Percent of a copy by op, f32 and bf16, and peers beside them]({folder}images/gpu-{name}.svg)", ""] if drawing else []
    )


def readme_region(rows, machine, name, drawing):
    """Some rows of the table of docs/performance.md. Both are written at the same time, so they cannot disagree."""
    return [
        *paragraph(
            f"{sentence(on_machine(machine))}. Tensors of 1 GiB, medians. {copy_means(rows)} {peers_text(rows, figures.IN_README)}"
        ),
        "",
        *picture_lines(name, drawing, "docs/"),
        *tables.selected_table(rows, figures.IN_README),
    ]


def performance_region(rows, machine, name, drawing):
    text = f"{sentence(on_machine(machine))}. Tensors of 1 GiB, medians; each result was checked before it was timed. {copy_means(rows)}"
    return [
        *paragraph(f"{text} {tables.copy_text(rows)} {peers_text(rows, figures.IN_PERFORMANCE)}"),
        "",
        *picture_lines(name, drawing, ""),
        *tables.selected_table(rows, figures.IN_PERFORMANCE),
        "",
        *slow_lines(rows),
    ]


def copy_means(rows):
    if rows.part("ceilings"):
        return earlier.COPY_MEANS
    return (
        '"Of a copy" compares the op with the fastest copy of the same bytes between the same tensors: at 100 % both take the same time.'
    )



def peers_text(rows, ops):
    if not any(rows.ratio(op, dtype, who) for op in ops for dtype in ("f32", "bf16") for who in figures.PEERS):
        return ""
    return "The last columns are the time of a peer divided by the time of rectify, f32 / bf16: above 1, rectify is faster."


def slow_lines(rows):
    return [line for text in tables.slow_text(rows) for line in paragraph(text)]


SMALL = (
    "Microseconds per call, f32 / bf16. cold: the buffers are not in the L2 cache; hot: all calls use the same buffers; graph: "
    "calls of a CUDA graph, otherwise calls in a row on one stream, which may take as long as the host takes to queue them."
)


def section(title, text, lines):
    """A section with a table; nothing if the table is empty."""
    return [f"### {title}", "", *([*paragraph(text), ""] if text else []), *lines, ""] if lines else []


def figures_region(rows, machine, name, steps, profiled):
    text = f"{sentence(on_machine(machine))}. Times are medians; each result was checked before it was timed. {copy_means(rows)} "
    text += f"{tables.copy_text(rows)} All rows and steps: [bench/results/{name}](../bench/results/{name})."
    lines = [f"## {machine['gpu']['name']}", "", *paragraph(text), ""]
    times = (
        "The columns of peers are their time divided by the time of rectify, f32 / bf16; samples were taken in turn on the same "
        "buffers. Above 1, rectify is faster."
    )
    lines += section("Every op at 1 GiB", "", [*tables.ops_table(rows), "", *slow_lines(rows)] if rows.large else [])
    lines += section(
        "Bandwidth of the memory",
        "The best of this project's plain kernels and cudaMemcpyAsync; the buffers are not in the L2 cache."
        + earlier.earlier(rows, "ceilings"),
        tables.movers_table(rows) or earlier.ceilings_table(rows),
    )
    lines += section("Other sizes", "", tables.sizes_table(rows))
    lines += section("Small tensors", SMALL if rows.part("small") else earlier.SMALL_TEXT, tables.small_table(rows))
    lines += section(
        "Odd shapes",
        "Rows and images of odd size, and views with gaps. The copy that they are compared with has no gaps.",
        tables.shapes_table(rows),
    )
    lines += section("What a call costs", "Tensors of 64 KiB in f32, calls in a row on one stream.", tables.host_table(rows))
    lines += section("What a call costs", earlier.HOST_TEXT + earlier.earlier(rows, "host"), earlier.host_table(rows))
    lines += section("C++ peers", times, tables.cpp_peers_table(rows) or earlier.peers_table(rows))
    lines += section("Python peers", times + " rectify is called through its C ABI.", tables.python_table(rows, ("cold",)))
    lines += section(
        "Python peers, small tensors",
        "graph: one call within a CUDA graph, buffers not in the L2 cache; hot: the same, buffers in the L2 cache; wall: a loop in "
        "Python, timed on the host; wall_anew: the same, and rectify's operand structs are filled anew for every call.",
        tables.python_table(rows, ("graph", "hot", "wall", "wall_anew"), lambda row: f"{row['op']}, {row['mode']}"),
    )
    lines += section(
        "Memory of a forward and backward, MiB", "Allocated at the peak, in addition to the inputs.", tables.memory_table(rows)
    )
    lines += section("Absent or failed", "", tables.absent_lines(rows))
    lines += section(
        "Packs, threads and stores",
        "Kernels that differ in packs of 16 bytes per thread, threads per block and kind of store." + earlier.earlier(rows, "sweep"),
        tables.sweep_table(rows),
    )
    lines += section(
        "Profiles",
        "By Nsight Compute, on tensors of 256 MiB: time, and how much of the bandwidth, issue slots and warps was used.",
        tables.profile_table(profiled),
    )
    return lines + section("Steps of the run", "", tables.parts_table(steps))


def results_page(machine, steps, measured, profiled):
    gpu = machine["gpu"]
    files = [
        ("machine.json", "the GPU, the commit, the date"),
        ("steps.json", "every step, its outcome and its seconds"),
        ("rows.jsonl", f"{len(measured)} figures before repeated ceilings were left out; fields: scripts/gpu_check/rows.py"),
    ]
    files += [("profile.csv", "counters of Nsight Compute, a line for each kernel")] if profiled else []
    cores = f", {machine['cores']} host cores" if "cores" in machine else ""
    made = f"Made by `{machine.get('command', 'scripts/gpu-check.sh run DIR OUT')}` and `scripts/gpu-check.sh report OUT`."
    text = (
        f"{sentence(on_machine(machine))}. {gpu['memory.total']}, memory at {gpu['clocks.max.memory']}, "
        f"{gpu['clocks.max.sm']} at most, {gpu['power.limit']}{cores}. {made}"
    )
    tables_of_steps = [*tables.parts_table(steps), "", *tables.steps_table(steps)]
    files = pages.table(["file", "what"], [list(file) for file in files])
    lines = [f"<!-- {MADE_BY} -->", f"# {gpu['name']}", "", *paragraph(text), "", *files]
    return re.sub(r"\n{3,}", "\n\n", "\n".join([*lines, "", *tables_of_steps])) + "\n"

#!/usr/bin/env python3
"""Writes the CPU's tables of docs/performance.md, and the list of files in bench/results/<machine>/README.md, from the records there.

Usage: bench/tables.py [--root DIR] FOLDER     FOLDER is bench/results/<machine>, in the repository or in DIR
       bench/tables.py [--root DIR] --check    exit code 1, and the name of each region, if the pages are not what the records say

Each region names the folder that it was made from. Exit code 2 if nothing could be written or checked, with one line that says why.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "scripts"))
import pages  # noqa: E402
import records  # noqa: E402
import slow  # noqa: E402
from pages import WHAT, distinct, paragraph, percent, size_text, table  # noqa: E402
from records import PARTS, Problem, of_part  # noqa: E402

PAGE, FILES = "docs/performance.md", "cpu-files"
MADE_BY = "made by bench/tables.py from {}; to change a figure, measure again with bench/measure.sh"
NOTHING = "bench/tables.py writes here; there is no record yet"


# Regions of docs/performance.md -----------------------------------------------------------------------------------------


def on_machine(record):
    machine, caches = record.machine, record.machine.get("caches") or {}
    names = {"omp_wait_policy": "OMP_WAIT_POLICY", "gomp_spincount": "GOMP_SPINCOUNT"}
    wait = "".join(f", {name} {machine[field]}" for field, name in names.items() if machine.get(field))
    last = f", last cache {size_text(max(caches.values()))}" if caches else ""
    text = f"{machine['name']}, {machine['cores']} cores, {machine['threads']} threads{wait}"
    text += f", {machine['instruction_set'].upper()}{last}" if machine.get("instruction_set") else last
    text += f"; rectify {machine.get('version', '')}, {machine.get('compiler', '')}; commit {machine['commit']}, {record.date()}"
    return text.replace("1 cores", "1 core").replace(" 1 threads", " 1 thread")


def source(found, versions=False):
    """Lines that name the machine, the versions, the commit and the command of each record."""
    lines = []
    for text in distinct(on_machine(record) for record in found):
        same = [record for record in found if on_machine(record) == text]
        peers = [f"{who} {number}".strip() for who, number in (same[0].machine.get("peers") or {}).items()] if versions else []
        samples = distinct(
            f"Medians of at least {record.settings['samples']} samples" for record in same if "samples" in record.settings
        )
        lines += paragraph(". ".join([text, *([", ".join(peers)] if peers else []), *samples[:1]]) + ".")
        lines += ["", "```sh", *(record.command for record in same), "```", ""]
    return lines


def tensor_text(row):
    return f"{size_text(row['tensor_bytes'])}, {row['mode']}"


def ops_region(found):
    rows = [row for record in found for row in record.of_rectify()]
    seen, body = set(), []
    for row in rows:
        first = row["op"] not in seen
        seen.add(row["op"])
        each = f"{row['bytes'] / row['elements']:.5g}"
        cells = [each, f"{row['gbps']:.1f}", percent(row["of_ceiling"]), spread_text(row["noise"])]
        body.append([row["op"], WHAT.get(row["op"], "") if first else "", row["dtype"], tensor_text(row), *cells])
    picture = "![Speed of each op in percent of the ceiling, and peers beside them](images/cpu-ops.svg)"
    head = ["op", "what it does", "dtype", "tensor", "bytes", "GB/s", "of the ceiling", "p10 to p90"]
    return [*source(found), picture, "", *table(head, body)]


def spread_text(noise):
    return f"{100 * noise:.1f} %" if noise < 0.0995 else percent(noise)


def peers_region(found):
    """A line for each op and dtype; in a cell, the ratio in each mode."""
    ratios, modes = {}, {}
    for record in found:
        for row in record.of_rectify():
            modes[row["mode"]] = max(row["tensor_bytes"], modes.get(row["mode"], 0))
        for row in record.of_peers():
            key = (row["op"], row["dtype"], row["who"], row["mode"])
            if key in ratios:
                raise Problem(f"{record.title}: {' '.join(key)} is there twice, and the table has one cell for it")
            ratios[key] = row["vs_rectify"]
    order = sorted(modes, key=modes.get)
    peers = sorted(distinct(key[2] for key in ratios), key=lambda who: (*records.PEERS, who).index(who))

    def cell(op, dtype, who):
        texts = [f"{ratios[op, dtype, who, mode]:.2f}" if (op, dtype, who, mode) in ratios else "-" for mode in order]
        return " / ".join(texts) if set(texts) != {"-"} else ""

    body = [[op, dtype, *(cell(op, dtype, who) for who in peers)] for op, dtype in distinct(key[:2] for key in ratios)]
    titles = " / ".join(f"{size_text(modes[mode])} {mode}" for mode in order)
    text = f"The time of the peer divided by the time of rectify, on tensors of {titles}: above 1, rectify is faster."
    return [*source(found, versions=True), *paragraph(text), "", *table(["op", "dtype", *peers], body), "", *untimed_lines(found)]


def untimed_lines(found):
    """A sentence for each peer that took no part at all, and for each that failed at something."""
    took_part = {row["who"] for record in found for row in record.of_peers()}
    untimed = [row for record in found for row in record.untimed]
    texts = [f"{row['who']} took no part: {row['absent']}." for row in untimed if "absent" in row and row["who"] not in took_part]
    texts += [f"{row['who']} failed, {row['op']} {row['dtype']}: {row['failed']}." for row in untimed if "failed" in row]
    return [line for text in distinct(texts) for line in paragraph(text)]


def sizes_region(found):
    return [*source(found), "![GB/s of three ops by the size of the tensor, the ceiling, and the caches](images/cpu-sizes.svg)"]


def small_region(found):
    return [*source(found, versions=True), "![Time of a call on small tensors, rectify and peers](images/cpu-small.svg)"]


def slow_region(found):
    return slow.lines(found)


REGIONS = {
    "cpu-slow": slow_region,
    "cpu-ops": ops_region,
    "cpu-peers": peers_region,
    "cpu-sizes": sizes_region,
    "cpu-small": small_region,
}


def lines_of(region, found):
    part = region.partition("-")[2]
    chosen = of_part(found, part) if part in PARTS else found
    return REGIONS[region](chosen) if chosen else []


def files_lines(found):
    """The region of the README.md beside the records."""
    rows = [[record.title, PARTS[record.part], f"`{record.command}`", f"{record.data.get('seconds', 0):.0f}"] for record in found]
    texts = [line for text in distinct(on_machine(record) for record in found) for line in paragraph(text + ".")]
    return [
        *texts,
        "",
        *table(["file", "what it measures", "command", "seconds"], rows),
        "",
        "All of them again: `bench/measure.sh`.",
    ]


# Pages ------------------------------------------------------------------------------------------------------------------


def read(path, regions):
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Problem(f"{path}: {error.strerror}") from None
    for name in regions:
        if not pages.has_region(text, name):
            raise Problem(f"{path} has no region between '{pages.begin_of(name)}' and '{pages.end_of(name)}'")
    return text


def new_texts(root, folder):
    """Path -> text of every page that is written from the records of a folder."""
    found, made_by = records.load(folder), MADE_BY.format(f"bench/results/{folder.name}")
    if records.is_sample(found[0].machine) and root == ROOT:
        raise Problem(f"{folder} is a sample, not a measurement, and may not be quoted; --root DIR writes it elsewhere")
    text = read(root / PAGE, REGIONS)
    for name in REGIONS:
        text = pages.filled(text, name, made_by, lines_of(name, found))
    index = folder / "README.md"
    listed = index.read_text(encoding="utf-8") if index.exists() else f"# {found[0].machine['name']}\n"
    if not pages.has_region(listed, FILES):
        listed = f"{listed.rstrip()}\n\n{pages.begin_of(FILES)}\n{pages.end_of(FILES)}\n"
    return {root / PAGE: text, index: pages.filled(listed, FILES, made_by.split(";")[0], files_lines(found))}


def write(root, folder):
    folder = Path(folder).resolve()
    if folder.parent != root / "bench" / "results":
        raise Problem(f"{folder} is not a folder in {root / 'bench' / 'results'}")
    for path, text in new_texts(root, folder).items():
        path.write_text(text, encoding="utf-8")
    print(f"bench/tables.py: wrote {PAGE} and bench/results/{folder.name}/README.md")
    return 0


def check(root):
    """Prints and counts the regions that differ from what would be written."""
    text = read(root / PAGE, REGIONS)
    named = distinct(re.findall(r"made by bench/tables\.py from bench/results/([\w.-]+)", text))
    if not named:
        with_records = [path.name for path in (root / "bench" / "results").glob("*") if records.paths_in(path)]
        wrong = [f"{PAGE} has no figures of the records in bench/results/{name}" for name in with_records]
        empty = {name: pages.filled(text, name, NOTHING, []) for name in REGIONS}
        wrong += [f"{PAGE}, region {name}: it has figures of no record" for name, new in empty.items() if new != text]
    else:
        wrong = [f"{PAGE} mixes records of {' and '.join(named)}"] if len(named) > 1 else []
        for path, new in new_texts(root, root / "bench" / "results" / named[0]).items():
            names = [FILES] if path.name == "README.md" else REGIONS
            wrong += differences(path.relative_to(root), read(path, names), new, names)
    print("\n".join(wrong) or "bench/tables.py: the pages are what the records say")
    return 1 if wrong else 0


def differences(path, text, new, names):
    for name in names:
        old_lines, new_lines = (pages.region(one, name).splitlines() for one in (text, new))
        if old_lines != new_lines:
            at = next((at for at, pair in enumerate(zip(old_lines, new_lines)) if pair[0] != pair[1]), None)
            told = (
                "it has another number of lines"
                if at is None
                else f"it says\n    {old_lines[at]}\n  the records say\n    {new_lines[at]}"
            )
            yield f"{path}, region {name}: {told}"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--check", action="store_true")
    parser.add_argument(
        "--root", default=ROOT, help="a folder with docs/performance.md and bench/results, instead of the repository"
    )
    given = parser.parse_args(arguments)
    if given.check == bool(given.folder):
        parser.error("give either a folder or --check")
    try:
        return check(Path(given.root).resolve()) if given.check else write(Path(given.root).resolve(), given.folder)
    except Problem as problem:
        print(f"bench/tables.py: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main())

"""Counts, without a GPU, the instructions that the kernels execute per element, and the share of an H100's issue slots that they take.

    python3 scripts/count_instructions [--library PATH] [--dtype f32,bf16] [--rows PATTERN] [--json FILE] [--markdown]

A recorder replaces the CUDA runtime and records the library's own launches, and an interpreter of PTX runs a few blocks of each. It
executes PTX, not machine code, so machine instructions are an estimate: costs.py says how many a PTX instruction becomes.
Figures:

    instructions   machine instructions of a thread per element of the output, in blocks from the middle of the grid
    PTX            the same, with every PTX instruction counted once, except moves of registers, conversions of addresses and
                   loads of parameters
    issue          share of the issue slots, if the bytes that the op must move do so at 3.0 TB/s
    in flight      bytes that a multiprocessor's threads have requested before they use the first of them
    second pass    instructions, and bytes of the sums of the parts, in percent of the first pass

Needs a C compiler, numpy and libzstd, and without --library also nvcc and cmake.
Exit codes: 0 success; 1 a row failed; 2 bad usage or a library that cannot be read; 77 a tool is missing.
"""

import argparse
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import build  # noqa: E402
import recorder  # noqa: E402
import report  # noqa: E402
import rows  # noqa: E402
from problem import Missing, Problem  # noqa: E402

DTYPES = ("f32", "bf16", "f16", "f64")


def parse():
    parser = argparse.ArgumentParser(
        prog="count_instructions", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--library", help="librectify.so, built for sm_90 with the shared CUDA runtime (default: build one)")
    parser.add_argument("--dtype", default="f32,bf16", help="of " + ", ".join(DTYPES) + " (default f32,bf16)")
    parser.add_argument("--rows", default="", help="regular expression: count only the rows whose op and shape contain a match")
    parser.add_argument("--mib", type=int, default=1024, help="MiB of x (default 1024)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--json", metavar="FILE", help="write the figures to this file")
    parser.add_argument("--markdown", action="store_true", help="print a table in markdown")
    parser.add_argument("--compare", metavar="BEFORE", help="a file written by --json: print its figures beside these, in markdown")
    arguments = parser.parse_args()
    arguments.dtype = arguments.dtype.split(",")
    unknown = [dtype for dtype in arguments.dtype if dtype not in DTYPES]
    if unknown:
        parser.error(f"no dtype is called {unknown[0]}; there are {', '.join(DTYPES)}")
    if arguments.mib < 1 or arguments.jobs < 1:
        parser.error("--mib and --jobs must be above 0")
    try:
        arguments.rows = re.compile(arguments.rows)
    except re.error as error:
        parser.error(f"--rows: {error}")
    for path in filter(None, (arguments.library, arguments.compare)):
        if not Path(path).is_file():
            parser.error(f"there is no file {path}")
    return arguments


def figures(arguments):
    """The figures of every row."""
    import counting  # here, so that --help works without numpy

    tasks = [(row, dtype) for dtype in arguments.dtype for row in rows.table() if arguments.rows.search(row.name)]
    if not tasks:
        raise Problem("--rows: no op and shape matches it")
    return counting.Work(arguments.library, arguments.mib).all_figures(tasks, arguments.jobs)


def main():
    arguments = parse()
    try:
        if not recorder.is_loaded():
            more = [] if arguments.library else ["--library", str(build.library())]
            return recorder.run_again_with_it(*more)
        done = figures(arguments)
    except Problem as problem:
        print(f"count_instructions: {problem}", file=sys.stderr)
        return 77 if isinstance(problem, Missing) else 2
    except ModuleNotFoundError as error:
        print(f"count_instructions: there is no {error.name} here", file=sys.stderr)
        return 77
    for row in done:
        why = row.get("fault") or row.get("absent")
        if why:
            print(f"count_instructions: {row['op']} {row['layout']} {row['dtype']}: {why}", file=sys.stderr)
    good = [row for row in done if "instructions_per_element" in row]
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(good, indent=1) + "\n")
    if arguments.compare:
        print(report.comparison(json.loads(Path(arguments.compare).read_text()), good))
    elif arguments.markdown:
        print(report.markdown(good))
    else:
        print(report.plain(good))
    return 1 if any("fault" in row for row in done) else 0


if __name__ == "__main__":
    raise SystemExit(main())

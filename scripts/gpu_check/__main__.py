"""gpu-check: tests rectify on a GPU and measures it, in a run of about ten minutes. docs/gpu.md is the manual.

    scripts/gpu-check.sh prepare DIR          build all that a run needs, without a GPU, into DIR
    scripts/gpu-check.sh run DIR OUT [PART]   run it on a machine with a GPU; results go to OUT, an empty or new folder
    scripts/gpu-check.sh report OUT           turn OUT into bench/results/, the tables of README.md and docs/, and a picture

Exit codes: 0 success; 1 a step failed or was cut, or the build failed; 2 the command cannot start or go on, and one line says why.
"""

import argparse
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import check  # noqa: E402
import prepare  # noqa: E402
import report  # noqa: E402
import steps  # noqa: E402
from problem import Problem  # noqa: E402


def parse():
    parser = argparse.ArgumentParser(prog="gpu-check", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="prepare | run | report")

    command = commands.add_parser("prepare", help="build and pack, without a GPU")
    command.add_argument("dir")
    command.add_argument("--arch", default="90", help="compute capability without its point (default 90)")
    command.add_argument("--build", help="build folder (default build/gpuARCH)")
    command.set_defaults(do=prepare.prepare)

    command = commands.add_parser("run", help="run on a machine with a GPU")
    command.add_argument("dir")
    command.add_argument("out")
    command.add_argument("part", nargs="*", help="of " + ", ".join(steps.PARTS) + " (default: all)")
    command.add_argument("--seconds", type=float, default=580, help="limit of the whole run (default 580)")
    command.add_argument(
        "--at-once", type=int, default=min(14, os.cpu_count() or 1), help="tests side by side (default: cores, at most 14)"
    )
    command.add_argument("--any-commit", action="store_true", help="run binaries of another commit than the checkout's")
    command.set_defaults(do=check.run)

    command = commands.add_parser("report", help="tables, results and a picture from OUT")
    command.add_argument("out")
    command.add_argument("--name", help="folder in bench/results (default: from the GPU's name)")
    command.add_argument("--into", help="folder to write to, instead of the repository")
    command.set_defaults(do=report.report)

    arguments = parser.parse_args()
    unknown = [part for part in getattr(arguments, "part", []) if part not in steps.PARTS]
    if unknown:
        parser.error(f"no part is called {unknown[0]}; there are {', '.join(steps.PARTS)}")
    if getattr(arguments, "at_once", 1) < 1 or getattr(arguments, "seconds", 1) <= 0:
        parser.error("--at-once and --seconds must be above 0")
    return arguments


def main():
    arguments = parse()
    try:
        return arguments.do(arguments)
    except Problem as problem:
        print(f"gpu-check: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main())

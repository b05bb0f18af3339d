"""Compares other systems with rectify: reproduces the tables of docs/semantics.md from the systems that are installed.

    python3 scripts/parity.py --library build/release/librectify.so             compare the systems with docs/parity.json and the page
    python3 scripts/parity.py --library ... --write                             write both from the results
    python3 scripts/parity.py --library ... --page                              check the page alone; needs numpy only

Systems: PyTorch, JAX, TensorFlow (and under XLA), Keras 3 on each of them, Keras 2 (tf_keras), ONNX Runtime, onnx.reference. Each
function is run on every pattern of f16 and bf16, and on edge cases and 100,000 random numbers of f32 and f64, forward and backward, in
the bodies and tails of vector loops. Results are compared with rectify's bit for bit; all NaN count as equal. docs/parity.json has one line for
each class of differences:

    [y or dx, where x lies, kind, x, dy, theirs, rectify's, types]

The entries of a system that is not installed are kept. The words of the tables are in notices.py. RECTIFY_LIBRARY replaces --library.

Exit codes: 0 all agree; 1 something differs, and each line says what; 2 bad usage, or a system could not be run; 77 no system is
installed, and the page agrees with docs/parity.json and the library.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import observations  # noqa: E402
import page  # noqa: E402
import systems  # noqa: E402
from library import Library  # noqa: E402
from problem import Problem  # noqa: E402

DOCS = Path(__file__).resolve().parents[2] / "docs"
SKIPPED = 77


def parse(given):
    parser = argparse.ArgumentParser(prog="parity", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", default=os.environ.get("RECTIFY_LIBRARY"), help="librectify.so (default: RECTIFY_LIBRARY)")
    parser.add_argument("--only", metavar="SYSTEM", action="append", help="of " + "; ".join(systems.SYSTEMS) + "; may be repeated")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of semantics.md and parity.json (default: this project's)")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--write", action="store_true", help="write parity.json and the page's tables")
    mode.add_argument("--page", action="store_true", help="run no system")
    arguments = parser.parse_args(given)
    if not arguments.library:
        parser.error("rectify's column needs the library: --library PATH or RECTIFY_LIBRARY")
    for name in arguments.only or []:
        if name not in systems.SYSTEMS:
            parser.error(f"no system is called {name}")
    return arguments


def run_all(names, library):
    """Returns name -> observations of each system."""
    seen = {}
    for name in names:
        print(f"parity: running {name}", file=sys.stderr, flush=True)
        seen[name] = systems.observe(name, library)
    return seen


def probes_of(of):
    return {function: each["probes"] for function, each in of["functions"].items()}


def sections_with(seen, names):
    """Yields (section, system) for the systems of `names` in each table."""
    for section in page.COLUMNS:
        for name in names:
            if name in page.COLUMNS[section] and any(each in seen for each in page.COLUMNS[section]):
                yield page.Section(section, seen), name


def updated(kept, now):
    """The observations updated with those of this run, with cells for the examples of other systems in the same table."""
    fresh = {name: observations.without_probes(of) for name, of in now.items()}
    seen = {name: {**kept, **fresh}[name] for name in systems.SYSTEMS if name in {**kept, **fresh}}
    for section, name in sections_with(seen, now):
        wrong = section.misread(name, probes_of(now[name]))
        seen[name]["cells"] = {key: gave for key, (_, gave) in wrong.items()}
    return seen


def disagreements(kept, now, text, library):
    """Lines that say where the page, rectify or the systems that were run differ."""
    wrong = page.disagreements(text, page.regions(kept, library)) + observations.rectify_disagreements(kept, library)
    for name, of in now.items():
        wrong += observations.differences(name, kept.get(name), of)
    for section, name in sections_with(kept, [name for name in now if name in kept]):
        for key, (cell, gave) in section.misread(name, probes_of(now[name])).items():
            wrong.append(f"{observations.title(name, kept[name], now[name])}, table, {key}: the page says {cell}; saw {gave}")
    return wrong


def write(kept, now, arguments, library):
    seen = updated(kept, now)
    target = arguments.docs / "semantics.md"
    filled = page.filled(target.read_text(), page.regions(seen, library))
    (arguments.docs / "parity.json").write_text(observations.dumped(seen))
    target.write_text(filled)
    print(f"parity: wrote {target} and parity.json from {', '.join(now)}")
    return 0


def work(arguments):
    library = Library(arguments.library)
    kept = observations.load(arguments.docs / "parity.json")
    names = [] if arguments.page else systems.installed(arguments.only or systems.SYSTEMS)
    if arguments.write and not names:
        raise Problem("none of the systems is installed, so there is nothing to write")
    now = run_all(names, arguments.library)
    if arguments.write:
        return write(kept, now, arguments, library)
    wrong = disagreements(kept, now, (arguments.docs / "semantics.md").read_text(), library)
    for line in wrong:
        print(line)
    if wrong:
        print(f"parity: {len(wrong)} disagreements", file=sys.stderr)
        return 1
    told = ", ".join(sorted({f"{each} {version}" for of in now.values() for each, version in of["versions"].items()}))
    print(f"parity: the page is what parity.json and rectify give; {'seen again: ' + told if now else 'no system was run'}")
    return 0 if now or arguments.page else SKIPPED


def main(given=None):
    try:
        return work(parse(given))
    except Problem as problem:
        print(f"parity: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main())

"""rectify's CPU backend beside PyTorch and oneDNN: in one run, on the same buffers, each result checked before timing.

    python3 bench/peers/cpu.py --library librectify.so
    python3 bench/peers/cpu.py --library librectify.so --baseline old_librectify.so --op leaky_forward,prelu_backward

The library is a shared one (cmake --preset cpu -DBUILD_SHARED_LIBS=ON). Needs numpy; bf16 needs PyTorch. oneDNN takes
part if a C++ compiler finds oneapi/dnnl/dnnl.hpp (Debian: libdnnl-dev; elsewhere, set CPLUS_INCLUDE_PATH, LIBRARY_PATH
and LD_LIBRARY_PATH). A peer that is not installed, or has no such op or dtype, is absent; the end of the output says why.

Prints a line per op, dtype and size (of x): the time of a call of rectify, GB/s of the bytes that a fused op must move,
and ratios: the time of a peer, or of --baseline ("old"), divided by rectify's. Above 1, rectify is faster. A "~" marks
a line where rectify's median is 1.3 times its fastest sample or more: other programs were running. On such a machine,
--statistic min says more than the median.

Calls from C++ are timed: rectify's C function and oneDNN's execute() with operands that are prepared once, in a C++
loop, and PyTorch's functions in a loop compiled by torch.jit.script, because a call from Python takes 3 to 7 us more.
The last line but one is the time of a call for 64 elements; to measure small calls of rectify, use rectify-bench.
Contenders take turns, sample by sample. A sample is as many calls as take --sample-ms together, after one that is not
timed, so tensors of 1 MiB stay in the caches, as between the layers of a network, and tensors of 64 MiB do not. PyTorch
writes into rectify's buffers, except for prelu, which has no such form; cpu_torch.py says what it runs.

Threads: OMP_NUM_THREADS is set before any library is loaded, and every OpenMP runtime is checked to have that number.
OMP_WAIT_POLICY is left as it is: PyTorch does not set it, and libgomp's threads then spin for a while, then sleep.

Exit status: 0, or 1 if rectify failed or a result differs, or 2 for bad arguments.
"""

import argparse
import gc
import json
import os
import statistics
import sys
import tempfile
import traceback
from pathlib import Path

DTYPES = ("f32", "f16", "bf16")
COLUMNS = ("PyTorch", "oneDNN", "old")
WIDTHS = (6, 12, 8, 9, 9, 9)


def size_argument(text):
    sizes = []
    for word in text.split(","):
        unit = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(word[-1:].upper())
        try:
            sizes.append(int(float(word[:-1] if unit else word) * (unit or 1)))
        except (ValueError, OverflowError):
            raise argparse.ArgumentTypeError(f"not a number of bytes: {word!r}") from None
        if sizes[-1] < 4096:
            raise argparse.ArgumentTypeError("must be at least 4K")
    return sizes


def list_argument(text):
    return [word.strip() for word in text.split(",") if word.strip()]


def positive(kind):
    def parse(text):
        value = kind(text)
        if not 0 < value < 1e6:
            raise ValueError
        return value

    parse.__name__ = "positive number"
    return parse


def parse_arguments():
    parser = argparse.ArgumentParser(description="Times rectify's CPU backend beside PyTorch and oneDNN.")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parser.add_argument("--library", required=True, type=Path, help="librectify.so")
    parser.add_argument("--baseline", type=Path, help="another build, for the column of old time / new time")
    parser.add_argument("--threads", type=positive(int), default=cores, help=f"default {cores}, one per core")
    parser.add_argument("--sizes", type=size_argument, default=[1 << 20, 64 << 20], help="bytes of x (default 1M,64M)")
    parser.add_argument("--dtypes", type=list_argument, default=list(DTYPES), help="of f32,f16,bf16 (default all)")
    parser.add_argument("--op", type=list_argument, help="default all; see cpu_ops.py")
    parser.add_argument("--repetitions", type=positive(int), default=11, help="number of samples of each (default 11)")
    parser.add_argument("--sample-ms", type=positive(float), default=3.0, help="least duration of a sample (default 3)")
    parser.add_argument("--statistic", choices=("median", "min"), default="median", help="default median")
    parser.add_argument("--out", type=Path, help="JSON Lines file to append to")
    options = parser.parse_args()
    for name in ("library", "baseline"):
        path = getattr(options, name)
        if path and not path.is_file():
            parser.error(f"--{name}: no file {path}")
    for dtype in options.dtypes:
        if dtype not in DTYPES:
            parser.error(f"--dtypes: no {dtype!r}; known: {', '.join(DTYPES)}")
    return parser, options


class Report:
    """The table, the reasons for what is not in it, the lowest ratios, and the file of rows."""

    def __init__(self, path, statistic):
        self.statistic = {"median": statistics.median, "min": min}[statistic]
        self.file = open(path, "a", encoding="utf-8") if path else None
        self.wrong, self.absent, self.lowest = 0, {}, {}

    def head(self, with_baseline):
        self.columns = COLUMNS if with_baseline else COLUMNS[:-1]
        self._print(("op", "dtype", "size", "rectify, us", "GB/s", *self.columns))

    @staticmethod
    def _print(cells):
        name, dtype, *numbers = cells
        print(f"{name:<29}{dtype:<6}" + "".join(f"{cell:>{w}}" for cell, w in zip(numbers, WIDTHS)), flush=True)

    def row(self, **row):
        if self.file:
            self.file.write(json.dumps({"part": "cpu", **row}) + "\n")
            self.file.flush()

    def missing(self, case, who, word, why):
        """Records a contender that does not take part. `word`: absent, failed or differs."""
        self.row(**case, who=who, **{word: why})
        self.absent.setdefault((who, word, why), []).append(f"{case['op']} {case['dtype']}")

    def reject(self, case, who, word, why):
        self.wrong += 1
        self.missing(case, who, word, why)

    def line(self, case, samples, contenders, gigabytes):
        """Prints the case. `samples` are {who: [us]}, `gigabytes` the amount that a fused op must move."""
        us = {who: self.statistic(taken) for who, taken in samples.items()}
        ratios = {who: us[who] / us["rectify"] for who in self.columns if who in us}
        for contender in contenders:
            if contender.who in us:
                ratio = round(us[contender.who] / us["rectify"], 4)
                self.row(**case, who=contender.who, how=contender.how, **figures(samples[contender.who]), ratio=ratio)
        size = size_name(case["bytes"])
        noisy = statistics.median(samples["rectify"]) >= 1.3 * min(samples["rectify"])
        rate = f"{gigabytes / us['rectify'] * 1e6:.1f}"
        cells = [f"{ratios[who]:.2f}" if who in ratios else "-" for who in self.columns]
        self._print((case["op"], case["dtype"], size, f"{'~' * noisy}{us['rectify']:.1f}", rate, *cells))
        for who, ratio in ratios.items():
            self.lowest.setdefault(who, []).append((ratio, f"{case['op']} {case['dtype']} {size}"))

    def end(self):
        for (who, word, why), cases in sorted(self.absent.items()):
            cases = list(dict.fromkeys(cases))
            more = f" and {len(cases) - 3} more" if len(cases) > 3 else ""
            print(f"{who} {word}: {why} ({', '.join(cases[:3])}{more})")

    def last_line(self):
        lowest = {who: min(ratios) for who, ratios in self.lowest.items()}
        texts = {who: f"{who} {ratio:.2f} ({case})" for who, (ratio, case) in lowest.items()}
        print("lowest ratio: " + ", ".join(texts.get(who, f"{who} absent") for who in self.columns))


def figures(samples):
    return {
        "us": round(statistics.median(samples), 3),
        "us_min": round(min(samples), 3),
        "us_max": round(max(samples), 3),
        "runs": len(samples),
    }


def size_name(count):
    for unit, name in ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")):
        if count >= unit:
            return f"{count / unit:.4g}{name}"
    return str(count)


def prepare_environment(threads):
    """Sets the environment before numpy, PyTorch or rectify is loaded, because each reads it once."""
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)
    os.environ["OMP_DYNAMIC"] = "false"
    os.environ["OPENBLAS_NUM_THREADS"] = "1"


def main():
    parser, options = parse_arguments()
    prepare_environment(options.threads)
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    try:
        import numpy  # noqa: F401
    except ImportError:
        parser.error("needs numpy")
    from cpu_bench import Bench  # loads the libraries that read the environment set above
    from cpu_ops import CPU_OPS

    known = [op.name for op in CPU_OPS]
    for name in options.op or []:
        if name not in known:
            parser.error(f"--op: no {name!r}; known: {', '.join(known)}")
    try:
        report = Report(options.out, options.statistic)
    except OSError as error:
        parser.error(f"--out: {error}")
    gc.disable()  # and collected between cases
    with tempfile.TemporaryDirectory(prefix="rectify-cpu-") as folder:
        try:
            Bench(options, report, folder).run()
        except Exception as error:
            traceback.print_exc()
            print(f"rectify: {error}", file=sys.stderr)
            return 1
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())

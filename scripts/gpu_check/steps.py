"""The steps of a check, their order and their time budgets. docs/gpu.md has a table of the parts.

Budgets are two to three times what a step took on an H100 with 16 cores, so that a slow machine still ends in time.
"""

import glob
import json
import os
import shutil
import sys
from pathlib import Path

import rows
from outcomes import find_cudnn, passed_some, rows_of_output
from runner import Step

PARTS = ["correctness", "ceilings", "sweep", "ops", "shapes", "host", "peers", "python", "sizes", "profile"]
QUICK_SECONDS, CORRECTNESS_SECONDS = 70, 155  # limits for all steps of a group, which run side by side
SHARDS = 6
MANY_SIZES = "*EverySizeAtEveryOffset*/cuda*"
SAME_SUMS = "*SumsBits.AreTheSameEveryTime/cuda"

SANITIZERS = {"memcheck": ["--padding", "512", "--leak-check", "no"], "racecheck": [], "initcheck": [], "synccheck": []}

# Tensors share blocks of memory, so memcheck cannot see accesses past the end of a tensor; the tests' guard bytes show them.
# Padding shows accesses past the end of a block. Random calls launch the kernels that these small tests do not.
SMALL = (
    "*Ops.InPlace*/cuda:*Ops.NoElements*/cuda:*Ops.RankZero*/cuda:*Ops.TensorsDense*/cuda:*Operands.*/cuda:"
    "*Masks.BitsCount*/cuda:*Masks.Large*/cuda:*Sums.OfACall*/cuda:*Sums.OfNo*/cuda"
)
RANDOM_CALLS = "1000"  # small calls of each function, and 10 large ones; tests/simt/coverage_test.cpp counts their kernels

PROFILED = [
    ("forward", "f32"),
    ("forward", "bf16"),
    ("backward", "bf16"),
    ("bias_backward_dbias", "f32"),
    ("bias_backward_dbias", "bf16"),
    ("prelu_backward_dalpha", "f32"),
    ("scale_bias_forward", "bf16"),
    ("models_forward", "f32"),
]

METRICS = ",".join(
    [
        "gpu__time_duration.sum",
        "dram__throughput.avg.pct_of_peak_sustained_elapsed",
        "dram__bytes_read.sum",
        "dram__bytes_write.sum",
        "sm__throughput.avg.pct_of_peak_sustained_elapsed",
        "smsp__issue_active.avg.pct_of_peak_sustained_active",
        "sm__warps_active.avg.pct_of_peak_sustained_active",
        "smsp__inst_executed.sum",
        "launch__registers_per_thread",
        "lts__t_sector_hit_rate.pct",
    ]
)


class Plan:
    """The steps of every part. `folder` has the unpacked binaries; `missing` has the reasons why others are absent."""

    def __init__(self, runner, folder, missing, at_most):
        self.runner, self.out, self.scratch = runner, runner.out, runner.scratch
        self.folder, self.missing, self.at_most = Path(folder), missing, at_most

    def run(self, parts):
        """Runs the most important parts first, so that a run that is cut has the most useful results."""
        for part in PARTS:
            if part in parts:
                if part == "correctness":
                    self.runner.together(self.quick_tests(), self.at_most, QUICK_SECONDS)
                    self.runner.together(self.correctness(), self.at_most, CORRECTNESS_SECONDS)
                else:
                    self.runner.alone(getattr(self, part)())

    # Tests ----------------------------------------------------------------------------------------------------

    def quick_tests(self):
        """Few steps side by side: contexts share a GPU in slices of milliseconds, and the first step often waits for it."""
        return [
            self.tests("every size at every offset", "rectify_tests", MANY_SIZES, 65, 20),
            self.tests("streams, graphs, every float", "rectify_gpu_tests", "*", 60, 5),
            self.tests("Thrust", "rectify_thrust_tests", "*Device*", 60, 5),
        ]

    def correctness(self):
        """Steps side by side: none of them is timed, and each leaves most of the GPU idle."""
        others = f"*/cuda*-{MANY_SIZES}:{SAME_SUMS}"
        steps = [
            self.tests(
                f"every other test on cuda, {shard + 1} of {SHARDS}",
                "rectify_tests",
                others,
                145,
                90,
                GTEST_TOTAL_SHARDS=str(SHARDS),
                GTEST_SHARD_INDEX=str(shard),
            )
            for shard in range(SHARDS)
        ]
        for quarter in range(4):
            steps.append(
                self.tests(f"sums, 25 times, {quarter + 1} of 4", "rectify_tests", SAME_SUMS, 120, 95, ["--gtest_repeat=25"])
            )
        for name in ("MoreElementsThan32BitsCount", "SumsOfManyTermsAreWithinTheBound"):
            steps.append(self.tests(name, "rectify_slow_tests", f"*{name}/cuda", 120, 40, OMP_NUM_THREADS="2"))
        return [*steps, *self.sanitized()]

    def sanitized(self):
        for tool, options in SANITIZERS.items():
            command = ["compute-sanitizer", "--tool", tool, *options, "--error-exitcode", "1"]
            yield self.tests(
                f"{tool}, random calls",
                "rectify_tests",
                "*Fuzz.Any*/cuda_*",
                145,
                100,
                under=command,
                RECTIFY_FUZZ_CASES=RANDOM_CALLS,
            )
            yield self.tests(f"{tool}, small tests", "rectify_tests", SMALL, 120, 50, under=command)
            yield self.tests(f"{tool}, graphs and streams", "rectify_gpu_tests", "*Graph*:*Stream*", 90, 20, under=command)

    def tests(self, name, binary, filter, seconds, expected, options=(), under=(), **env):
        argv = [*under, self.folder / binary, "--gtest_filter=" + filter, *options]
        return Step(
            "correctness", name, argv, seconds, {"OMP_NUM_THREADS": "1", **env}, passed_some, expected, self.missing.get(binary, "")
        )

    # Times ----------------------------------------------------------------------------------------------------

    def ceilings(self):
        return [self.gpu_bench("ceilings", 15)]

    def sweep(self):
        return [self.gpu_bench("sweep", 20, "1024")]

    def shapes(self):
        return [self.gpu_bench("shapes", 15, "512")]

    def host(self):
        return [self.gpu_bench("host", 8)]

    def peers(self):
        step = self.gpu_bench("peers", 30, "1024")
        step.env["RECTIFY_CUDNN"] = find_cudnn()
        return [step]

    def gpu_bench(self, part, seconds, *arguments):
        binary = "rectify-gpu-bench"
        return Step(
            part, part, [self.folder / binary, part, *arguments], seconds, {}, self.take_rows, absent=self.missing.get(binary, "")
        )

    def ops(self):
        large = ["--min-bytes", "1G", "--max-bytes", "1G"]
        return [
            self.bench("ops", "1 GiB f32", 55, *large, "--dtype", "f32"),
            self.bench("ops", "1 GiB bf16", 55, *large, "--dtype", "bf16"),
        ]

    def sizes(self):
        channels = [
            "--min-bytes",
            "256M",
            "--max-bytes",
            "256M",
            "--dtype",
            "f32,bf16",
            "--op",
            "bias_forward,bias_backward_dbias,prelu_backward_dalpha",
        ]
        return [
            self.bench("sizes", "[n, 1001]", 6, *channels, "--channels", "1001"),
            self.bench("sizes", "NHWC, 3 channels", 6, *channels, "--channels", "3"),
            self.bench("sizes", "14 x 14", 6, *channels, "--channels", "256", "--inner", "196"),
            self.bench("sizes", "7 x 7", 6, *channels, "--channels", "512", "--inner", "49"),
            self.bench("sizes", "small", 12, "--min-bytes", "64K", "--max-bytes", "16M", "--factor", "16", "--dtype", "f32,bf16"),
            self.bench("sizes", "1 GiB f16", 45, "--min-bytes", "1G", "--max-bytes", "1G", "--dtype", "f16"),
        ]

    def bench(self, part, name, seconds, *arguments):
        """A step of rectify-bench, whose JSON is converted to rows."""
        file = self.scratch / f"bench.{part}.{name}.json".replace(" ", "_")

        def after(outcome, output):
            if file.exists():
                self.add_rows(outcome, [rows.of_rectify_bench(part, name, row) for row in json.loads(file.read_text())["rows"]])
            elif outcome.status == "passed":
                outcome.status, outcome.detail = "failed", "the program wrote no JSON"

        command = [self.folder / "rectify-bench", "--device", "cuda", "--repetitions", "9", *arguments, "--json", file]
        return Step(
            part,
            name,
            command,
            seconds,
            {"OMP_NUM_THREADS": str(os.cpu_count())},
            after,
            absent=self.missing.get("rectify-bench", ""),
        )

    def python(self):
        """A step of bench/peers/peers.py, which writes its rows to a file as they are measured: they are kept even if it is cut."""
        file = self.scratch / "peers.jsonl"

        def after(outcome, output):
            lines = file.read_text(errors="replace").splitlines() if file.exists() else []
            said = output.read_text(errors="replace").strip().splitlines() or [""]
            if outcome.detail.startswith("exit code 2") and " needs " in said[-1]:
                outcome.status, outcome.detail = "absent", said[-1].rpartition("error: ")[2]  # numpy or torch is not installed
            if lines:
                self.add_rows(outcome, [rows.of_peers_py(json.loads(line)) for line in lines if line.endswith("}")])

        command = [
            sys.executable,
            self.folder / "peers" / "peers.py",
            "--library",
            self.folder / "librectify.so",
            "--out",
            file,
            "--seconds",
            "120",
            "--device",
            "cuda",
        ]
        return [
            Step(
                "python",
                "python peers",
                command,
                150,
                {},
                after,
                absent=self.missing.get("librectify.so", "") or self.missing.get("peers.py", ""),
            )
        ]

    def profile(self):
        tool = shutil.which("ncu") or next(iter(sorted(glob.glob("/opt/nvidia/nsight-compute/*/ncu"))), "ncu")

        def after(outcome, output):
            text = output.read_text(errors="replace")
            if "ERR_NVGPUCTRPERM" in text:
                outcome.status, outcome.detail = "absent", "ncu may not read this GPU's counters (ERR_NVGPUCTRPERM)"
            lines = [line + "\n" for line in text.splitlines() if line.startswith('"')]
            if lines:
                self.runner.append("profile.csv", f"# {outcome.step.name}\n" + "".join(lines))
            elif outcome.status == "passed":
                outcome.status, outcome.detail = "failed", "ncu saw no kernel"

        return [
            Step(
                "profile",
                f"{op} {dtype}",
                [
                    tool,
                    "--clock-control",
                    "none",
                    "--csv",
                    "--page",
                    "raw",
                    "--metrics",
                    METRICS,
                    "-k",
                    "regex:(elementwise|sums|add_parts).*kernel",
                    "-s",
                    "2",
                    "-c",
                    "2",
                    self.folder / "rectify-bench",
                    "--device",
                    "cuda",
                    "--op",
                    op,
                    "--dtype",
                    dtype,
                    "--min-bytes",
                    "256M",
                    "--max-bytes",
                    "256M",
                    "--repetitions",
                    "1",
                ],
                8,
                {},
                after,
                absent=self.missing.get("rectify-bench", ""),
            )
            for op, dtype in PROFILED
        ]

    # Results ----------------------------------------------------------------------------------------------------

    def take_rows(self, outcome, output):
        """Keeps the rows that a step printed. If the step was cut, half a row at the end is no error."""
        found, wrong = rows_of_output(output)
        if wrong and outcome.status != "cut":
            outcome.status, outcome.detail = "failed", f"not a row: {wrong[0]}"
        elif not found and outcome.status == "passed":
            outcome.status, outcome.detail = "failed", "it measured nothing"
        self.add_rows(outcome, found)

    def add_rows(self, outcome, found):
        """Appends the valid rows to rows.jsonl. The step fails if a row of rectify failed."""
        wrong = [problem for problem in map(rows.problem_of, found) if problem]
        bad = [row for row in found if row.get("who") == "rectify" and "failed" in row]
        if outcome.status == "passed" and (wrong or bad):
            outcome.status = "failed"
            outcome.detail = f"{bad[0]['op']}: {bad[0]['failed']}" if bad else f"an invalid row: {wrong[0]}"
        kept = [row for row in found if not rows.problem_of(row)]
        if kept:
            self.runner.append("rows.jsonl", "".join(json.dumps(row) + "\n" for row in kept))
            outcome.detail = f"{outcome.detail} {len(kept)} rows".strip()

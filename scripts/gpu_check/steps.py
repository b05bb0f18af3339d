"""The steps of a check, their order and their time budgets. docs/gpu.md has a table of the parts.

Budgets are about two times what a step takes on an H100 with 16 cores, so that a slow machine still ends in time.
"""

import glob
import json
import os
import shutil
import sys
from pathlib import Path

import rows
from figures import OPS
from outcomes import find_cudnn, judge_training, passed_some, passed_some_of_pytest
from runner import Step

PARTS = ["correctness", "package", "ops", "sizes", "shapes", "small", "sweep", "python", "profile"]
QUICK_SECONDS, CORRECTNESS_SECONDS, PACKAGE_SECONDS = 70, 155, 60  # limits for all steps of a group, which run side by side
SHARDS = 6
JAX_SHARES_THE_GPU = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # or it takes three quarters of the memory
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

PLAIN = "forward,backward"  # the ops that CUB, Thrust and cuDNN have
OTHERS = ",".join(op for op in OPS if op not in PLAIN.split(","))
CHANNELS = "bias_forward,bias_backward_dbias,prelu_backward_dalpha"
SMALL_OPS = "forward_mask,backward_mask,bias_forward,bias_backward_dbias,prelu_backward_dalpha,all_sums"

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
                elif part == "package":
                    self.runner.together(self.package(), self.at_most, PACKAGE_SECONDS)
                else:
                    self.runner.alone(getattr(self, part)())

    # Tests ----------------------------------------------------------------------------------------------------

    def quick_tests(self):
        """Few steps side by side: contexts share a GPU in slices of milliseconds, and the first step often waits for it."""
        return [
            self.tests("every size at every offset", "rectify_tests", MANY_SIZES, 65, 20),
            self.tests("streams, graphs, every float", "rectify_gpu_tests", "*", 60, 5),
            self.tests("Thrust", "rectify_thrust_tests", "*Device*", 60, 5),
            Step(
                "correctness",
                "rectify-bench check",
                [self.folder / "rectify-bench", *"check --device cuda --op all --dtype all --min 4M".split()],
                60,
                expected=10,
                absent=self.missing.get("rectify-bench", ""),
            ),
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

    def package(self):
        """The tests of the Python package on CUDA, side by side. They fail if PyTorch, CuPy or JAX is there and sees no GPU."""
        tests = self.folder / "package_tests"
        env = {"PYTHONPATH": str(self.folder / "package"), "RECTIFY_TESTS_NEED_GPU": "1", "OMP_NUM_THREADS": "2"} | JAX_SHARES_THE_GPU
        pytest = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        absent = self.missing.get("_rectify.abi3.so", "")
        files = sorted(path.name for path in tests.glob("*_test.py") if not path.name.startswith("package_"))
        return [
            Step("package", name, [*pytest, tests / name], 55, env, passed_some_of_pytest, 30, absent) for name in files
        ] or [Step("package", "tests", [], 1, absent=absent or "the archive has no tests of the package")]

    # Times ----------------------------------------------------------------------------------------------------

    def ops(self):
        """A case of 1 GiB takes about two seconds, because its outputs are compared on the host; a peer takes one more."""
        plain = f"--op {PLAIN} --dtype f32,bf16"
        return [
            self.bench("ops", "forward and backward, CUB, Thrust", 40, f"{plain} --min 1G --baseline cub,thrust"),
            self.bench("ops", "1 GiB f32", 100, f"--op {OTHERS} --min 1G --dtype f32"),
            self.bench("ops", "1 GiB bf16", 100, f"--op {OTHERS} --min 1G --dtype bf16"),
            self.bench("ops", "ReLU, cuDNN", 20, f"{plain} --min 256M --alpha 0 --baseline cudnn"),
            self.bench("ops", "ReLU6, cuDNN", 20, f"{plain} --min 256M --alpha 0 --max-value 6 --baseline cudnn"),
        ]

    def sizes(self):
        some = f"{PLAIN},bias_backward_dbias"
        return [
            self.bench("sizes", "16 MiB to 256 MiB", 40, f"--op {some} --min 16M --max 256M --factor 4 --dtype f32,bf16"),
            self.bench("sizes", "256 MiB f16", 45, f"--op {PLAIN},{OTHERS} --min 256M --dtype f16"),
        ]

    def shapes(self):
        both = "--dtype f32,bf16"
        return [
            self.bench(
                "shapes", "channels", 40, f"--op {CHANNELS} --min 256M --shape nx1001,nx3,nx256x14x14,nx512x7x7 {both}"
            ),
            self.bench("shapes", "channels last", 15, f"--op {CHANNELS} --min 256M --layout nhwc {both}"),
            self.bench("shapes", "pitched", 15, f"--op {PLAIN} --min 256M --shape nx1024,nx1001 --layout pitched {both}"),
            self.bench("shapes", "misaligned", 15, f"--op {PLAIN} --min 256M --misalign 1 {both}"),
        ]

    def small(self):
        """In a graph, times are those of the GPU; without one, a call may take as long as the host takes to queue it."""
        sizes = "--min 64K --max 16M --factor 16 --dtype f32,bf16"
        steps = []
        for mode in ("--graph --cold", "--graph --hot", "--hot"):
            name = mode.replace("--", "")
            steps.append(self.bench("small", f"{name}, peers", 20, f"--op {PLAIN} {sizes} {mode} --baseline cub,thrust", "0.1"))
            steps.append(self.bench("small", name, 25, f"--op {SMALL_OPS} {sizes} {mode}", "0.1"))
        return steps

    def bench(self, part, name, seconds, options, case_seconds="0.5"):
        """A step of rectify-bench."""
        command = ["run", "--device", "cuda", "--seconds", case_seconds, *options.split()]
        env = {"OMP_NUM_THREADS": str(os.cpu_count()), "RECTIFY_CUDNN": find_cudnn()}
        return self.measures(part, name, seconds, "rectify-bench", command, "--json", env)

    def sweep(self):
        return [self.measures("sweep", "sweep", 50, "rectify-sweep", ["1024"])]

    def measures(self, part, name, seconds, binary, options, json_option=None, env=None):
        """A step of a program that writes a record, whose rows are kept."""
        file = self.scratch / f"{part}.{name}.json".replace(" ", "_")

        def after(outcome, output):
            record = json.loads(file.read_text()) if file.exists() else {"rows": []}
            self.add_rows(outcome, [{"part": part, "set": name, **row} for row in record["rows"]])
            if not record["rows"] and outcome.status == "passed":
                outcome.status, outcome.detail = "failed", "the program measured nothing"

        command = [self.folder / binary, *options, *([json_option] if json_option else []), file]
        return Step(part, name, command, seconds, env or {}, after, absent=self.missing.get(binary, ""))

    def python(self):
        """A step of bench/peers/peers.py, which writes its rows to a file as they are measured: they are kept even if it is cut."""
        file = self.scratch / "peers.jsonl"

        def after(outcome, output):
            lines = file.read_text(errors="replace").splitlines() if file.exists() else []
            said = output.read_text(errors="replace").strip().splitlines() or [""]
            if outcome.detail.startswith("exit code 2") and " needs " in said[-1]:
                outcome.status, outcome.detail = "absent", said[-1].rpartition("error: ")[2]  # numpy or torch is not installed
            self.add_rows(outcome, [json.loads(line) for line in lines if line.endswith("}")])

        options = ["--library", self.folder / "librectify.so", "--out", file, "--seconds", "110", "--device", "cuda"]
        command = [sys.executable, self.folder / "peers" / "peers.py", *options]
        absent = self.missing.get("librectify.so", "") or self.missing.get("peers.py", "")
        return [Step("python", "python peers", command, 140, {}, after, absent=absent), self.torch_compile()]

    def torch_compile(self):
        """A step of bench/torch_compile.py. It fails if rectify does not run where torch does: without Triton, nothing is compiled."""

        def after(outcome, output):
            if not record.exists():
                return
            shutil.copy(record, self.out / record.name)
            judge_training(outcome, json.loads(record.read_text())["rows"])

        record = self.scratch / "torch-compile.json"
        env = {"PYTHONPATH": str(self.folder / "package"), "TORCHINDUCTOR_CACHE_DIR": str(self.scratch / "inductor")}
        program = [sys.executable, "-B", self.folder / "package_bench" / "torch_compile.py"]
        options = ["--device", "cuda", "--json", record, "--seconds", "60"]
        return Step("python", "training under torch.compile", [*program, *options], 120, env, after, absent=self.missing.get("_rectify.abi3.so", ""))

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

        kernels = ["-k", "regex:(elementwise|sums|add_parts).*kernel", "-s", "2", "-c", "2"]
        ncu = [tool, "--clock-control", "none", "--csv", "--page", "raw", "--metrics", METRICS, *kernels]
        run = "run --device cuda --min 256M --no-check --samples 1 --seconds 0".split()
        absent = self.missing.get("rectify-bench", "")
        return [
            Step(
                "profile",
                f"{op} {dtype}",
                [*ncu, self.folder / "rectify-bench", *run, "--op", op, "--dtype", dtype],
                8,
                {},
                after,
                absent=absent,
            )
            for op, dtype in PROFILED
        ]

    # Results ----------------------------------------------------------------------------------------------------

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

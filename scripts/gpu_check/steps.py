"""What a check runs, in which order, and for how long at most. docs/gpu.md has the same as a table."""
import glob
import json
import os
import shutil
import sys
from pathlib import Path

from runner import Step

PARTS = ["correctness", "ceilings", "sweep", "ops", "shapes", "host", "peers", "python", "sizes", "profile"]

SANITIZERS = {"memcheck": ["--padding", "512", "--leak-check", "no"], "racecheck": [], "initcheck": [], "synccheck": []}

# Blocks of tensors are shared, so memcheck cannot see past the end of each; the tests' guard bytes do, and padding catches what leaves a
# block. Random calls meet the kernels that these small tests do not.
SMALL = ("*Ops.InPlace*/cuda:*Ops.NoElements*/cuda:*Ops.RankZero*/cuda:*Ops.TensorsDense*/cuda:*Operands.*/cuda:"
         "*Masks.BitsCount*/cuda:*Masks.Large*/cuda:*Sums.OfACall*/cuda:*Sums.OfNo*/cuda")

PROFILED = [("forward", "f32"), ("forward", "bf16"), ("backward", "bf16"), ("bias_backward_dbias", "f32"),
            ("bias_backward_dbias", "bf16"), ("prelu_backward_dalpha", "f32"), ("scale_bias_forward", "bf16"), ("models_forward", "f32")]

METRICS = ",".join([
    "gpu__time_duration.sum", "dram__throughput.avg.pct_of_peak_sustained_elapsed", "dram__bytes_read.sum", "dram__bytes_write.sum",
    "sm__throughput.avg.pct_of_peak_sustained_elapsed", "smsp__issue_active.avg.pct_of_peak_sustained_active",
    "sm__warps_active.avg.pct_of_peak_sustained_active", "smsp__inst_executed.sum", "launch__registers_per_thread",
    "lts__t_sector_hit_rate.pct"])


def passed_some(outcome, log):
    """A run in which everything was skipped, or filtered out, must not look like one that passed."""
    counts = [int(line.split()[3]) for line in log.read_text(errors="replace").splitlines() if line.startswith("[  PASSED  ]")]
    outcome.detail += f" {sum(counts)} tests" if outcome.status == "passed" else ""
    if outcome.status == "passed" and (not counts or min(counts) == 0):
        outcome.status, outcome.detail = "failed", "no test ran: no GPU was seen, or no test has that name"


def correctness(bin, shards=8):
    """Side by side: none of them is timed, and each leaves most of the GPU idle."""
    one = {"OMP_NUM_THREADS": "1"}
    steps = [Step("correctness", "streams, graphs, every float", [bin / "rectify_gpu_tests"], 120),
             Step("correctness", "Thrust", [bin / "rectify_thrust_tests", "--gtest_filter=*Device*"], 60)]
    for shard in range(shards):
        steps.append(Step("correctness", f"every test on cuda, {shard + 1} of {shards}",
                          [bin / "rectify_tests", "--gtest_brief=1", "--gtest_filter=*/cuda*"], 150,
                          {**one, "GTEST_TOTAL_SHARDS": str(shards), "GTEST_SHARD_INDEX": str(shard)}))
    steps.append(Step("correctness", "sums, 100 times", [bin / "rectify_tests", "--gtest_brief=1", "--gtest_repeat=100",
                                                        "--gtest_filter=*SumsBits.AreTheSameEveryTime/cuda"], 100, one))
    for name in ("MoreElementsThan32BitsCount", "SumsOfManyTermsAreWithinTheBound"):
        steps.append(Step("correctness", name, [bin / "rectify_slow_tests", f"--gtest_filter=*{name}/cuda"], 120,
                          {"OMP_NUM_THREADS": "2"}))
    for tool, options in SANITIZERS.items():
        command = ["compute-sanitizer", "--tool", tool, *options, "--error-exitcode", "1"]
        steps.append(Step("correctness", f"{tool}, small tests", [*command, bin / "rectify_tests", "--gtest_filter=" + SMALL], 150, one))
        steps.append(Step("correctness", f"{tool}, random calls",
                          [*command, bin / "rectify_tests", "--gtest_filter=*Fuzz.Any*/cuda_*"], 150,
                          {**one, "RECTIFY_FUZZ_CASES": "800"}))
        steps.append(Step("correctness", f"{tool}, graphs and streams",
                          [*command, bin / "rectify_gpu_tests", "--gtest_filter=*Graph*:*Stream*"], 100, one))
    for step in steps:
        step.after = passed_some
    return steps


def gpu_bench(bin, part, seconds, *arguments):
    return Step(part, part, [bin / "rectify-gpu-bench", part, *arguments], seconds, rows=True)


def bench(bin, out, scratch, name, seconds, *arguments):
    """rectify-bench, its JSON turned into rows."""
    file = Path(scratch) / f"bench.{name}.json".replace(" ", "_")

    def after(outcome, log):
        if not file.exists():
            return
        report = json.loads(file.read_text())
        with open(Path(out) / "rows.jsonl", "a") as rows:
            for row in report["rows"]:
                rows.write(json.dumps(bench_row(name, row)) + "\n")

    return Step("ops", name, [bin / "rectify-bench", "--device", "cuda", *arguments, "--json", file], seconds,
                {"OMP_NUM_THREADS": "16"}, after=after)


def bench_row(name, row):
    """A row of rectify-bench in the schema of all rows."""
    bits = {"f16": 16, "bf16": 16, "f32": 32, "f64": 64}[row["dtype"]]
    new = {"part": "ops", "op": row["op"], "who": "rectify", "dtype": row["dtype"], "shape": row["layout"],
           "tensor_bytes": row["elements"] * bits // 8}
    if not row["equals_reference"]:
        return {**new, "checked": False, "failed": row["difference"]}
    return {**new, "bytes": row["bytes"], "mode": "rectify-bench, " + name, "us": row["seconds"] * 1e6,
            "gbps": row["gigabytes_per_second"], "of_ceiling": row["of_baseline"], "checked": True}


def ops(bin, out, scratch):
    def one(name, seconds, *arguments):
        return bench(bin, out, scratch, name, seconds, *arguments)

    large = ["--min-bytes", "1G", "--max-bytes", "1G", "--repetitions", "9"]
    return [one("1 GiB f32", 70, *large, "--dtype", "f32"), one("1 GiB bf16", 70, *large, "--dtype", "bf16")]


def sizes(bin, out, scratch):
    def one(name, seconds, *arguments):
        return bench(bin, out, scratch, name, seconds, "--repetitions", "9", *arguments)

    channels = ["--min-bytes", "256M", "--max-bytes", "256M", "--dtype", "f32,bf16", "--op",
                "bias_forward,bias_backward_dbias,prelu_backward_dalpha"]
    return [one("[n, 1001]", 20, *channels, "--channels", "1001"), one("NHWC, 3 channels", 20, *channels, "--channels", "3"),
            one("14 x 14", 20, *channels, "--channels", "256", "--inner", "196"),
            one("7 x 7", 20, *channels, "--channels", "512", "--inner", "49"),
            one("small", 40, "--min-bytes", "64K", "--max-bytes", "16M", "--factor", "16", "--dtype", "f32,bf16"),
            one("1 GiB f16", 40, "--min-bytes", "1G", "--max-bytes", "1G", "--dtype", "f16")]


def find_cudnn():
    """PyTorch brings cuDNN as a Python package, where no loader looks."""
    for folder in [*sys.path, "/usr/local/lib/python3.12/dist-packages", "/opt/conda/lib/python3.12/site-packages"]:
        file = Path(folder or ".") / "nvidia" / "cudnn" / "lib" / "libcudnn.so.9"
        if file.exists():
            return str(file)
    return ""


def profile(bin, out):
    tool = shutil.which("ncu") or next(iter(glob.glob("/opt/nvidia/nsight-compute/*/ncu")), "ncu")

    def after(outcome, log):
        with open(out / "profile.csv", "a") as to:
            to.write(f"# {outcome.step.name}\n" + "".join(line for line in log.open() if line.startswith('"')))

    return [Step("profile", f"{op} {dtype}",
                 [tool, "--clock-control", "none", "--csv", "--page", "raw", "--metrics", METRICS, "-k",
                  "regex:elementwise_kernel|reduce_kernel|finish_sums_kernel", "-s", "2", "-c", "2", bin / "rectify-bench", "--device",
                  "cuda", "--op", op, "--dtype", dtype, "--min-bytes", "256M", "--max-bytes", "256M", "--repetitions", "1"], 20, after=after)
            for op, dtype in PROFILED]


def run_all(runner, bin, parts):
    """In the order of what matters most, so that a run that is cut off anywhere is worth what it did."""
    out, scratch = runner.out, runner.scratch
    os.environ["PATH"] += ":/usr/local/cuda/bin"
    if "correctness" in parts:
        runner.together(correctness(bin))
    if "ceilings" in parts:
        runner.alone([gpu_bench(bin, "ceilings", 30)])
    if "sweep" in parts:
        runner.alone([gpu_bench(bin, "sweep", 40, "1024")])
    if "ops" in parts:
        runner.alone(ops(bin, out, scratch))
    if "shapes" in parts:
        runner.alone([gpu_bench(bin, "shapes", 25, "512")])
    if "host" in parts:
        runner.alone([gpu_bench(bin, "host", 10)])
    if "peers" in parts:
        step = gpu_bench(bin, "peers", 40, "1024")
        step.env["RECTIFY_CUDNN"] = find_cudnn()
        runner.alone([step])
    if "python" in parts:
        rows = out / "rows.jsonl"
        runner.alone([Step("python", "python peers", [sys.executable, bin / "peers" / "peers.py", "--library", bin / "librectify.so",
                                                      "--out", rows, "--seconds", "90"], 110, {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"})])
    if "sizes" in parts:
        runner.alone(sizes(bin, out, scratch))
    if "profile" in parts:
        runner.alone(profile(bin, out))

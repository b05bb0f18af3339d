"""scripts/gpu-check.sh without a GPU: stand-ins print what the real programs print, from tests/cuda/gpu_sample."""

import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
from contextlib import redirect_stdout
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "tests" / "cuda" / "gpu_sample"
sys.path[:0] = [str(ROOT / "scripts" / "gpu_check"), str(ROOT / "scripts")]
import check  # noqa: E402
import counters  # noqa: E402
import prepare  # noqa: E402
import report  # noqa: E402
import rows  # noqa: E402
import runner  # noqa: E402
import steps  # noqa: E402
import summary  # noqa: E402
from problem import Problem  # noqa: E402

runner.SIGTERM_GRACE, runner.SIGKILL_GRACE = 0.3, 0.3

# FAKE_HANG, FAKE_FAIL, FAKE_SKIP: a word of the command line of those that hang, fail, or skip all of their tests.
MISBEHAVE = """#!/bin/sh
case "$0 $*" in *"${FAKE_HANG:-nothing}"*) echo $$ >"${FAKE_PID:-/dev/null}"; sleep 60 ;; esac
case "$0 $*" in *"${FAKE_FAIL:-nothing}"*) echo 'it went wrong' >&2; exit 1 ;; esac
"""
TESTS = MISBEHAVE + """
count=3
case "$0 $*" in *"${FAKE_SKIP:-nothing}"*) count=0 ;; esac
echo "[==========] 3 tests from 1 test suite ran. (1 ms total)"
echo "[  PASSED  ] $count tests."
"""
GPU_BENCH = MISBEHAVE + 'grep "\\"part\\": \\"$1\\"" "$(dirname "$0")/sample.jsonl"\n'
BENCH = MISBEHAVE + """
while [ $# -gt 1 ]; do [ "$1" = --json ] && cp "$(dirname "$0")/bench.json" "$2"; shift; done
exit 0
"""
PEERS = """import sys
out = sys.argv[sys.argv.index("--out") + 1]
open(out, "a").write('{"part": "peers", "note": "start", "torch": "2.0", "dtypes": ["f32"]}\\n'
    '{"part": "peers", "op": "leaky_forward", "who": "rectify", "dtype": "f32", "shape": [4, 1024], "bytes": 32768, '
    '"mode": "cold", "us": 5.0, "gbps": 6.55, "checked": true, "runs": 3, "moved": 32768, "how": "the C ABI"}\\n'
    '{"part": "peers", "op": "leaky_forward", "who": "jax jit", "dtype": "f32", "shape": [4, 1024], "absent": "no jax here"}\\n')
"""
NVIDIA_SMI = """#!/bin/sh
[ "${FAKE_GPU:-}" = none ] && { echo "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."; exit 9; }
echo "${FAKE_GPU:-SAMPLE GPU, 580.10, 9.0, 81559 MiB, 2619 MHz, 1980 MHz, 700.00 W}"
"""
SANITIZER = (
    '#!/bin/sh\nwhile [ "${1#/}" = "$1" ]; do shift; done\n"$@"\ncode=$?\necho "========= ERROR SUMMARY: 0 errors"\nexit $code\n'
)
NCU = '#!/bin/sh\ngrep "^\\"" "$FAKE_SAMPLE/profile.csv" | head -n 4\n'
BENCH_ROW = {
    "op": "forward",
    "dtype": "f32",
    "layout": "[n]",
    "elements": 268435456,
    "equals_reference": True,
    "bytes": 2147483648,
    "seconds": 0.0007,
    "gigabytes_per_second": 3067.8,
    "of_baseline": 0.5,
}


def command(*arguments):
    """scripts/gpu-check.sh with these arguments."""
    return [sys.executable, "-B", str(ROOT / "scripts" / "gpu_check"), *map(str, arguments)]


def write_program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def is_gone(pid):
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


class Folders(unittest.TestCase):
    """A prepared folder of stand-ins, tools, and an OUT that is not there yet."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.top = Path(holder.name)
        self.dir, self.tools, self.out = self.top / "prepared", self.top / "tools", self.top / "out"
        self.binaries = self.top / "binaries"
        for name in ("rectify_tests", "rectify_gpu_tests", "rectify_slow_tests", "rectify_thrust_tests"):
            write_program(self.binaries / name, TESTS)
        write_program(self.binaries / "rectify-gpu-bench", GPU_BENCH)
        write_program(self.binaries / "rectify-bench", BENCH)
        write_program(self.binaries / "peers" / "peers.py", PEERS)
        (self.binaries / "librectify.so").write_text("")
        shutil.copy(SAMPLE / "rows.jsonl", self.binaries / "sample.jsonl")
        (self.binaries / "bench.json").write_text(json.dumps({"rows": [BENCH_ROW]}))
        write_program(self.tools / "nvidia-smi", NVIDIA_SMI)
        write_program(self.tools / "compute-sanitizer", SANITIZER)
        write_program(self.tools / "ncu", NCU)
        self.pack()

    def pack(self, **changes):
        self.dir.mkdir(exist_ok=True)
        files = sorted(str(path.relative_to(self.binaries)) for path in self.binaries.rglob("*") if path.is_file())
        prepare.pack(self.dir / "rectify-gpu.tar.xz", self.binaries, files)
        manifest = {
            "schema": "rectify-gpu/2",
            "commit": "0123456789ab",
            "architectures": ["90"],
            "nvcc": "13.0",
            "files": files,
            "absent": {},
        }
        (self.dir / "manifest.json").write_text(json.dumps({**manifest, **changes}))

    def gpu_check(self, *arguments, path=None, **env):
        path = f"{self.tools}:/usr/bin:/bin" if path is None else path
        return subprocess.run(
            command(*arguments),
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PATH": path, "FAKE_SAMPLE": str(SAMPLE), **env},
        )

    def run_parts(self, *parts, **env):
        return self.gpu_check("run", self.dir, self.out, *parts, "--any-commit", **env)

    def steps(self):
        return {(step["part"], step["name"]): step for step in json.loads((self.out / "steps.json").read_text())}


class DryRun(Folders):
    def test_every_part_runs_and_leaves_results_that_keep_to_the_schema(self):
        ran = self.run_parts()
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertEqual({step["part"] for step in self.steps().values()}, set(steps.PARTS))
        self.assertEqual({step["status"] for step in self.steps().values()}, {"passed"})
        found, wrong = rows.read(self.out / "rows.jsonl")
        self.assertEqual(wrong, [])
        self.assertEqual({row["part"] for row in found}, set(rows.PARTS))
        files = list(self.out.rglob("*"))
        self.assertEqual({file.name for file in files}, set(check.FILES))
        self.assertLessEqual(len(files), 8)
        for text in ("best copy at 1 GiB: 3028 GB/s", "forward f32 0.50", "correctness"):
            self.assertIn(text, ran.stdout)
        self.assertIn((self.out / "summary.txt").read_text(), ran.stdout)
        self.assertLess(len((self.out / "summary.txt").read_text().splitlines()), 50)

    def test_a_failing_step_is_exit_code_1_and_the_rest_goes_on(self):
        ran = self.run_parts("ceilings", "host", "sizes", FAKE_FAIL="rectify-gpu-bench ceilings")
        self.assertEqual(ran.returncode, 1, ran.stdout)
        self.assertEqual(self.steps()["ceilings", "ceilings"]["status"], "failed")
        self.assertEqual(self.steps()["host", "host"]["status"], "passed")
        self.assertIn("failed: ceilings: ceilings: exit code 1: it went wrong", ran.stdout)

    def test_skipped_tests_are_not_passed(self):
        ran = self.run_parts("correctness", FAKE_SKIP="rectify_thrust_tests")
        self.assertEqual(ran.returncode, 1)
        self.assertEqual(self.steps()["correctness", "Thrust"]["status"], "failed")

    def test_a_result_that_differs_is_a_failed_step(self):
        (self.binaries / "bench.json").write_text(
            json.dumps({"rows": [{**BENCH_ROW, "equals_reference": False, "difference": "y at 3"}]})
        )
        self.pack()
        ran = self.run_parts("ops")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("failed row: ops: forward f32 rectify: y at 3", ran.stdout)

    def test_the_time_of_a_run_is_kept(self):
        began = time.monotonic()
        ran = self.gpu_check(
            "run", self.dir, self.out, "host", "peers", "--any-commit", "--seconds", "8.5", FAKE_HANG="rectify-gpu-bench host"
        )
        self.assertLess(time.monotonic() - began, 12)
        self.assertEqual(ran.returncode, 1, ran.stdout + ran.stderr)
        self.assertEqual(self.steps()["host", "host"]["status"], "cut")
        self.assertEqual(self.steps()["peers", "peers"]["status"], "cut")
        self.assertIn("cut: host: host: after", (self.out / "summary.txt").read_text())

    def test_a_run_that_is_stopped_leaves_a_summary_and_no_processes(self):
        env = {
            **os.environ,
            "PATH": f"{self.tools}:/usr/bin:/bin",
            "FAKE_HANG": "rectify-gpu-bench host",
            "FAKE_PID": str(self.top / "pid"),
        }
        process = subprocess.Popen(
            command("run", self.dir, self.out, "ops", "host", "--any-commit"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=env,
        )
        deadline = time.monotonic() + 20
        while not (self.top / "pid").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.1)
        process.terminate()
        said = process.communicate(timeout=20)[0]
        self.assertEqual(process.returncode, 1, said)
        self.assertIn("was stopped after", (self.out / "summary.txt").read_text())
        self.assertEqual({step["part"] for step in self.steps().values()}, {"ops"})
        self.assertTrue(is_gone((self.top / "pid").read_text().strip()))

    def test_what_was_not_built_is_absent_and_no_error(self):
        self.pack(absent={"rectify-bench": "CLI11 was not found"})
        ran = self.run_parts("host", "ops")
        self.assertEqual(ran.returncode, 0, ran.stdout)
        self.assertEqual(self.steps()["ops", "1 GiB f32"]["status"], "absent")
        self.assertIn("absent: ops: CLI11 was not found", ran.stdout)

    def test_a_run_of_absent_steps_alone_is_none(self):
        self.pack(absent={"rectify-bench": "CLI11 was not found"})
        self.assertEqual(self.run_parts("ops").returncode, 1)

    def test_python_peers_without_numpy_or_torch_are_absent(self):
        (self.binaries / "peers" / "peers.py").write_text(
            "import sys\nprint('peers.py: error: --device cuda needs torch: no module', file=sys.stderr)\nsys.exit(2)"
        )
        self.pack()
        ran = self.run_parts("host", "python")
        self.assertEqual(ran.returncode, 0, ran.stdout)
        self.assertEqual(self.steps()["python", "python peers"]["detail"], "--device cuda needs torch: no module")


class BadInput(Folders):
    def assert_line(self, ran, text):
        self.assertEqual(ran.returncode, 2, ran.stdout + ran.stderr)
        self.assertEqual(ran.stdout, "")
        self.assertEqual(ran.stderr.count("\n"), 1, ran.stderr)
        self.assertIn(text, ran.stderr)

    def test_no_gpu(self):
        self.assert_line(self.run_parts(FAKE_GPU="none"), "couldn't communicate with the NVIDIA driver")
        self.assert_line(self.run_parts(path="/nowhere"), "no nvidia-smi")

    def test_binaries_of_another_architecture(self):
        self.assert_line(
            self.run_parts(FAKE_GPU="A, 580.1, 8.0, x, x, x, x"), "the binaries are for sm_90 and this GPU, A, is sm_80"
        )
        self.assert_line(self.run_parts(FAKE_GPU="B, 580.1, 10.0, x, x, x, x"), "prepare with --arch 100")

    def test_an_old_driver(self):
        self.assert_line(
            self.run_parts(FAKE_GPU="A, 535.104, 9.0, x, x, x, x"), "driver 535.104 is too old for binaries of CUDA 13.0"
        )

    def test_binaries_of_another_commit(self):
        if not check.describe_commit(ROOT):
            self.skipTest("no checkout")
        self.assert_line(self.gpu_check("run", self.dir, self.out), "the binaries are of commit 0123456789ab")

    def test_an_out_that_cannot_be_written(self):
        self.out.write_text("a file")
        self.assert_line(self.run_parts(), "out: File exists")
        self.out.unlink()
        self.assert_line(self.gpu_check("run", self.dir, "/proc/nowhere", "--any-commit"), "/proc/nowhere: ")

    def test_an_out_of_another_run(self):
        self.out.mkdir()
        (self.out / "rows.jsonl").write_text("")
        self.assert_line(self.run_parts(), "holds the results of another run (rows.jsonl)")

    def test_a_folder_that_was_not_prepared(self):
        (self.dir / "manifest.json").unlink()
        self.assert_line(self.run_parts(), "was not prepared")

    def test_a_damaged_archive(self):
        (self.dir / "rectify-gpu.tar.xz").write_bytes(b"no archive")
        ran = self.run_parts()
        self.assertEqual((ran.returncode, ran.stderr.count("\n")), (2, 1))
        self.assertIn("is damaged", ran.stderr)

    def test_a_disk_that_is_full(self):
        write_program(self.binaries / "rectify_tests", TESTS + "yes 0123456789 | head -n 3000\n")
        self.pack()
        self.out.mkdir()
        ran = subprocess.run(
            ["sh", "-c", 'ulimit -f 80; exec "$@"', "sh", *command("run", self.dir, self.out, "correctness", "--any-commit")],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PATH": f"{self.tools}:/usr/bin:/bin"},
        )
        self.assertEqual((ran.returncode, ran.stderr.count("\n")), (2, 1), ran.stderr)
        self.assertIn("log.txt: File too large", ran.stderr)

    def test_a_part_that_is_none(self):
        ran = self.run_parts("everything")
        self.assertEqual(ran.returncode, 2)
        self.assertIn("no part is called everything", ran.stderr)


class Budgets(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.out, self.scratch = Path(holder.name) / "out", Path(holder.name) / "scratch"
        self.out.mkdir()
        self.scratch.mkdir()

    def runner(self, seconds=20):
        return runner.Runner(self.out, self.scratch, time.monotonic() + seconds)

    def step(self, name, script, seconds=5.0, **more):
        return runner.Step("host", name, ["sh", "-c", script], seconds, **more)

    def run_steps(self, steps, at_most=1, seconds=20, ordered=True):
        run = self.runner(seconds)
        with redirect_stdout(io.StringIO()):
            run.together(steps, at_most, ordered=ordered)
        return {outcome.step.name: outcome for outcome in run.outcomes}

    def test_a_step_that_hangs_is_cut_with_all_it_started_and_the_rest_goes_on(self):
        began = time.monotonic()
        outcomes = self.run_steps(
            [
                self.step("hangs", f"trap '' TERM; sleep 30 & echo $! >{self.scratch}/pid; wait; sleep 30", 0.4),
                self.step("next", "true"),
            ]
        )
        self.assertLess(time.monotonic() - began, 8)
        self.assertEqual([outcomes["hangs"].status, outcomes["next"].status], ["cut", "passed"])
        time.sleep(0.2)
        self.assertTrue(is_gone((self.scratch / "pid").read_text().strip()))

    def test_what_a_step_leaves_behind_is_ended(self):
        outcomes = self.run_steps([self.step("leaves", f"sleep 30 & echo $! >{self.scratch}/pid")])
        self.assertEqual(outcomes["leaves"].status, "passed")
        time.sleep(0.1)
        self.assertTrue(is_gone((self.scratch / "pid").read_text().strip()))

    def test_a_step_that_is_cut_may_write_what_it_has(self):
        outcomes = self.run_steps([self.step("asked", "trap 'echo $((6 * 7)) kept; exit 1' TERM; sleep 30 & wait", 0.4)])
        self.assertEqual(outcomes["asked"].status, "cut")
        self.assertIn("42 kept", (self.out / "log.txt").read_text())

    def test_seconds_of_steps_side_by_side_are_their_own(self):
        outcomes = self.run_steps([self.step("long", "sleep 0.8"), self.step("short", "sleep 0.1")], at_most=2)
        self.assertGreater(outcomes["long"].seconds, 0.75)
        self.assertLess(outcomes["short"].seconds, outcomes["long"].seconds - 0.3)
        self.assertLess(outcomes["short"].begin, 0.6)

    def test_no_more_than_so_many_at_a_time_and_the_longest_first(self):
        mark = "echo $(($(ls {0} | wc -l))) >>{1}; touch {0}/$$; sleep 0.15; rm {0}/$$; echo {2} >>{3}"
        (self.scratch / "now").mkdir()
        names = ["a", "b", "c", "d", "e"]
        self.run_steps(
            [
                self.step(name, mark.format(self.scratch / "now", self.scratch / "seen", name, self.scratch / "order"), expected=at)
                for at, name in enumerate(names)
            ],
            at_most=2,
            ordered=False,
        )
        self.assertLess(max(map(int, (self.scratch / "seen").read_text().split())), 2)
        self.assertEqual(sorted((self.scratch / "order").read_text().split()[:2]), ["d", "e"])

    def test_what_has_no_time_left_is_cut_and_not_started(self):
        outcomes = self.run_steps(
            [self.step("first", "sleep 5"), self.step("second", f"touch {self.scratch}/started")], seconds=1.5
        )
        self.assertEqual([outcome.status for outcome in outcomes.values()], ["cut", "cut"])
        self.assertFalse((self.scratch / "started").exists())
        self.assertEqual(outcomes["second"].detail, "no time was left")

    def test_a_missing_tool_is_absent(self):
        outcomes = self.run_steps([runner.Step("host", "tool", ["no-such-tool-here"], 5)])
        self.assertEqual(
            (outcomes["tool"].status, outcomes["tool"].detail), ("absent", "no-such-tool-here: No such file or directory")
        )

    def test_a_signal_is_named(self):
        self.assertEqual(self.run_steps([self.step("dies", "kill -SEGV $$")])["dies"].detail, "signal SIGSEGV")

    def test_a_full_disk_ends_the_run(self):
        (self.out / "log.txt").symlink_to("/dev/full")
        with self.assertRaisesRegex(Problem, "log.txt: No space left on device"):
            self.run_steps([self.step("any", "true")])

    def test_steps_are_on_disk_when_each_ends(self):
        seen = f"cp {self.out}/steps.json {self.scratch}/seen"
        self.run_steps([self.step("first", "true"), self.step("second", seen)])
        self.assertEqual([step["name"] for step in json.loads((self.scratch / "seen").read_text())], ["first"])

    def test_budgets_of_all_parts_fit(self):
        """Of one step no more than the tests have together. All together may be more than a run has: steps take far less."""
        plan = steps.Plan(self.runner(), self.scratch, {}, 14)
        for part in steps.PARTS:
            each = [*(plan.quick_tests() if part == "correctness" else []), *getattr(plan, part)()]
            self.assertTrue(all(0 < step.seconds <= 155 for step in each), part)
            self.assertEqual(len({step.name for step in each}), len(each))


class Rows(unittest.TestCase):
    GOOD = {"part": "ops", "op": "forward", "who": "rectify", "us": 3.0}

    def test_the_sample_keeps_to_the_schema(self):
        self.assertEqual(rows.read(SAMPLE / "rows.jsonl")[1], [])

    def test_committed_results_keep_to_the_schema(self):
        for file in (ROOT / "bench" / "results").glob("*/rows.jsonl"):
            self.assertEqual(rows.read(file)[1], [], file)

    def test_what_is_no_row(self):
        self.assertEqual(rows.problem_of(self.GOOD), "")
        for change in (
            {"us": "3"},
            {"us": True},
            {"us": 0},
            {"dtype": "f8"},
            {"part": "lunch"},
            {"colour": 1},
            {"absent": "too"},
            {"shape": [3]},
        ):
            self.assertNotEqual(rows.problem_of({**self.GOOD, **change}), "", change)
        for name in self.GOOD:
            self.assertNotEqual(rows.problem_of({key: value for key, value in self.GOOD.items() if key != name}), "", name)
        self.assertNotEqual(rows.problem_of([]), "")

    def test_peers_py(self):
        row = rows.of_peers_py(
            {
                "part": "peers",
                "op": "x",
                "who": "cupy",
                "dtype": "bf16",
                "shape": [2, 3],
                "checked": False,
                "difference": "y",
                "late": True,
            }
        )
        self.assertEqual(
            row,
            {
                "part": "python",
                "op": "x",
                "who": "cupy",
                "dtype": "bf16",
                "shape": "[2, 3]",
                "tensor_bytes": 12,
                "checked": False,
                "failed": "differs: y",
                "more": {"difference": "y", "late": True},
            },
        )
        self.assertEqual(rows.problem_of(row), "")
        self.assertEqual(rows.problem_of(rows.of_peers_py({"checked": False, "failed": "x", "op": "y"})), "")
        self.assertEqual(rows.problem_of(rows.of_peers_py({"part": "peers", "note": "end", "seconds": 3, "wrong": 0})), "")

    def test_peers_py_itself(self):
        """Without torch it measures rectify alone, on numpy's arrays, and tells the rest as absent."""
        library, python = os.environ.get("RECTIFY_LOADABLE", ""), python_with_numpy()
        if not python or not Path(library).is_file():
            self.skipTest("no numpy, or no librectify.so (target rectify_loadable)")
        with tempfile.TemporaryDirectory() as scratch:
            ran = subprocess.run(
                [
                    python,
                    "-B",
                    str(ROOT / "bench" / "peers" / "peers.py"),
                    "--library",
                    library,
                    "--out",
                    f"{scratch}/rows",
                    "--device",
                    "cpu",
                    "--bytes",
                    "64K",
                    "--rounds",
                    "1",
                    "--seconds",
                    "20",
                    "--op",
                    "leaky_forward,bias_leaky_backward",
                ],
                capture_output=True,
                text=True,
                timeout=100,
            )
            self.assertEqual(ran.returncode, 0, ran.stderr)
            found = [rows.of_peers_py(json.loads(line)) for line in Path(scratch, "rows").read_text().splitlines()]
        self.assertEqual([problem for problem in map(rows.problem_of, found) if problem], [])
        self.assertTrue(any(row["who"] == "rectify" and "us" in row for row in found))

    def test_names_of_gpus(self):
        for name, short in (
            ("NVIDIA H100 80GB HBM3", "h100"),
            ("NVIDIA H200", "h200"),
            ("NVIDIA GeForce RTX 4090", "rtx-4090"),
            ("Tesla V100-SXM2-16GB", "v100-sxm2-16gb"),
            ("NVIDIA A100-SXM4-80GB", "a100-sxm4-80gb"),
            ("", "gpu"),
        ):
            self.assertEqual(rows.short_gpu_name(name), short)

    def test_profile(self):
        cut = counters.cut((SAMPLE / "profile.csv").read_text())
        self.assertEqual(len(cut), 3)
        self.assertEqual(
            {name: cut[0][name] for name in ("op", "dtype", "us", "dram_percent", "registers", "blocks")},
            {"op": "forward", "dtype": "f32", "us": 174.7, "dram_percent": 88.2, "registers": 27, "blocks": 32768},
        )
        self.assertEqual(cut[2]["kernel"], "finish_sums_kernel<float>")


def python_with_numpy():
    for python in (sys.executable, "/usr/bin/python3"):
        if shutil.which(python) and subprocess.run([python, "-c", "import numpy"], capture_output=True).returncode == 0:
            return python
    return None


class Report(Folders):
    def setUp(self):
        super().setUp()
        self.root = self.top / "root"
        (self.root / "docs").mkdir(parents=True)
        for page in report.PAGES:
            shutil.copy(ROOT / page, self.root / page)

    def contents(self):
        return {str(file.relative_to(self.root)): file.read_bytes() for file in self.root.rglob("*") if file.is_file()}

    def test_the_sample_makes_tables_and_a_picture_and_twice_the_same(self):
        first = self.gpu_check("report", SAMPLE, "--into", self.root, "--name", "sample")
        self.assertEqual(first.returncode, 0, first.stderr)
        once = self.contents()
        self.assertEqual(self.gpu_check("report", SAMPLE, "--into", self.root, "--name", "sample").returncode, 0)
        self.assertEqual(self.contents(), once)
        results = "bench/results/sample/"
        self.assertEqual(
            set(once),
            {
                *report.PAGES,
                "docs/images/gpu-sample.svg",
                *(results + name for name in ("README.md", "machine.json", "steps.json", "rows.jsonl", "profile.csv")),
            },
        )
        readme, performance, page = (once[name].decode() for name in report.PAGES)
        self.assertIn("| all_sums | dx and all five sums | ", readme)
        self.assertNotIn("| prelu_forward |", readme)
        for text in (readme, performance):
            self.assertIn("| forward | y from x | 2,970 | 100 % | 2,982 | 100 % | 1.50 / 1.50 | 1.10 / 1.10 | 1.00 / 0.99 |", text)
        self.assertIn("Below 97 % of a copy, slowest first: all_sums (f32 52 %, bf16 32 %)", performance)
        for title in (
            "Every op at 1 GiB",
            "Bandwidth of the memory",
            "Small tensors",
            "Odd shapes",
            "What a call costs",
            "C++ peers",
            "Python peers",
            "Python peers, small tensors",
            "Memory of a forward and backward, MiB",
            "Absent or failed",
            "Packs, threads and stores",
            "Profiles",
            "Steps of the run",
        ):
            self.assertIn(f"### {title}\n", page)
        self.assertEqual(rows.read(self.root / results / "rows.jsonl")[1], [])
        for name in report.PAGES:
            self.assertEqual(before_and_after(once[name].decode()), before_and_after((ROOT / name).read_text()), name)

    def test_the_tables_of_two_pages_are_those_of_the_committed_results(self):
        ran = self.gpu_check("report", ROOT / "bench" / "results" / "h100", "--into", self.root, "--name", "h100")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        for name in (report.README, report.PERFORMANCE):
            self.assertEqual((self.root / name).read_text(), (ROOT / name).read_text(), name)

    def test_the_sample_is_never_quoted(self):
        for into in ((), ("--into", ROOT), ("--into", f"{ROOT}/docs/..")):
            ran = self.gpu_check("report", SAMPLE, *into)
            self.assertEqual(ran.returncode, 2)
            self.assertIn("may not be quoted", ran.stderr)

    def test_a_dry_run_can_be_reported(self):
        self.assertEqual(self.run_parts().returncode, 0)
        ran = self.gpu_check("report", self.out, "--into", self.root)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertTrue((self.root / "bench" / "results" / "sample" / "README.md").exists())

    def test_a_run_that_was_cut_early_can_be_reported(self):
        self.out.mkdir()
        shutil.copy(SAMPLE / "machine.json", self.out)
        ran = self.gpu_check("report", self.out, "--into", self.root)
        self.assertEqual(ran.returncode, 0, ran.stderr)

    def test_bad_input(self):
        for folder, text in ((self.top / "nowhere", "is no folder that a run left"), (self.tools, "is no folder that a run left")):
            ran = self.gpu_check("report", folder, "--into", self.root)
            self.assertEqual((ran.returncode, ran.stderr.count("\n")), (2, 1), ran.stderr)
            self.assertIn(text, ran.stderr)
        (self.root / "README.md").write_text("no region")
        ran = self.gpu_check("report", SAMPLE, "--into", self.root)
        self.assertEqual(ran.returncode, 2)
        self.assertIn("README.md has no region", ran.stderr)


def before_and_after(page):
    return page.split("<!-- gpu-table: begin -->")[0], page.split("<!-- gpu-table: end -->")[1]


class Prepare(Folders):
    def test_bad_input(self):
        for arguments, text in ((("--arch", "hopper"), "--arch hopper"), ((), "no cmake")):
            ran = self.gpu_check("prepare", self.top / "new", *arguments, path="/nowhere")
            self.assertEqual((ran.returncode, ran.stderr.count("\n")), (2, 1), ran.stderr)
            self.assertIn(text, ran.stderr)

    def test_the_same_files_make_the_same_archive_and_their_modes_are_kept(self):
        first = (self.dir / "rectify-gpu.tar.xz").read_bytes()
        os.utime(self.binaries / "rectify_tests", (1, 1))
        self.pack()
        self.assertEqual((self.dir / "rectify-gpu.tar.xz").read_bytes(), first)
        with tarfile.open(self.dir / "rectify-gpu.tar.xz") as packed:
            self.assertTrue(packed.getmember("rectify_tests").mode & stat.S_IXUSR)


class Summary(unittest.TestCase):
    def test_it_fits_a_screen_however_much_went_wrong(self):
        one = {"name": "x", "part": "ops", "status": "failed", "seconds": 1.0, "begin": 0.0, "detail": "y" * 500}
        machine = json.loads((SAMPLE / "machine.json").read_text())
        text = summary.of_run(machine, [one] * 100, summary.rows_of(SAMPLE), "ended")
        self.assertLess(len(text.splitlines()), 50)
        self.assertLessEqual(max(map(len, text.splitlines())), 132)
        self.assertIn("and 86 more", text)


if __name__ == "__main__":
    unittest.main()

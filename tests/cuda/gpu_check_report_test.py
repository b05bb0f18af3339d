"""The rows of scripts/gpu-check.sh, and what report and the summary make of them."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from gpu_check_stand_ins import ROOT, SAMPLE, Folders

import counters  # in scripts/gpu_check, as those that follow
import figures
import report
import rows
import summary


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
            {"us_samples": 3},
            {"is_ceiling": 1},
        ):
            self.assertNotEqual(rows.problem_of({**self.GOOD, **change}), "", change)
        for name in self.GOOD:
            self.assertNotEqual(rows.problem_of({key: value for key, value in self.GOOD.items() if key != name}), "", name)
        self.assertNotEqual(rows.problem_of([]), "")

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
            self.check_rows([json.loads(line) for line in Path(scratch, "rows").read_text().splitlines()])

    def test_rectify_bench_itself(self):
        """Its rows, and those of peers that are absent, keep to the schema."""
        program = os.environ.get("RECTIFY_BENCH_PROGRAM", "")
        if not Path(program).is_file():
            self.skipTest("no rectify-bench")
        with tempfile.TemporaryDirectory() as scratch:
            options = "run --device cpu --op forward,all_sums --dtype f32,bf16 --min 64K --samples 3 --seconds 0 --baseline loop"
            ran = subprocess.run(
                [program, *options.split(), "--json", f"{scratch}/record.json"], capture_output=True, text=True, timeout=100
            )
            self.assertEqual(ran.returncode, 0, ran.stderr)
            record = json.loads(Path(scratch, "record.json").read_text())
        self.check_rows([{"part": "ops", "set": "small", **row} for row in record["rows"]])

    def check_rows(self, found):
        self.assertEqual([problem for problem in map(rows.problem_of, found) if problem], [])
        self.assertTrue(any(row["who"] == "rectify" and "us" in row for row in found))

    def test_every_op_of_rectify_bench_is_measured(self):
        table = (ROOT / "bench" / "op_table.cpp").read_text()
        self.assertEqual(re.findall(r'^      \{"(\w+)",', table, re.MULTILINE), list(figures.OPS))

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
            "Other sizes",
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
        for line in (
            "| read one, write one | 3,028 |",
            "| forward | 16 MiB | ",
            "| forward | [n, 1001], gaps of 64 | 2,871 | 96 % | - | - |",
            "| forward, cold, graph | 3.95 / 3.79 |",
            "| forward | rectify | 4.70 | 3.95 |",
            "| forward, ReLU6 | 1 GiB | 712 / - |",
            "- rectify, fault (bias_forward): 105 % of a copy",
        ):
            self.assertIn(line, page)
        self.assertEqual(rows.read(self.root / results / "rows.jsonl")[1], [])
        for name in report.PAGES:
            self.assertEqual(before_and_after(once[name].decode()), before_and_after((ROOT / name).read_text()), name)

    def test_the_tables_of_two_pages_are_those_of_the_committed_results_of_an_earlier_tool(self):
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
        results = self.root / "bench" / "results" / "sample"
        self.assertTrue((results / "README.md").exists())
        self.assertEqual((results / "torch-compile.json").read_bytes(), (self.out / "torch-compile.json").read_bytes())

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


class Summary(unittest.TestCase):
    def test_it_fits_a_screen_however_much_went_wrong(self):
        one = {"name": "x", "part": "ops", "status": "failed", "seconds": 1.0, "begin": 0.0, "detail": "y" * 500}
        machine = json.loads((SAMPLE / "machine.json").read_text())
        text = summary.of_run(machine, [one] * 100, summary.rows_of(SAMPLE), "ended")
        self.assertLess(len(text.splitlines()), 50)
        self.assertLessEqual(max(map(len, text.splitlines())), 132)
        self.assertIn("and 87 more", text)


if __name__ == "__main__":
    unittest.main()

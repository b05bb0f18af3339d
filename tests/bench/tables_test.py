"""bench/tables.py, bench/records.py and bench/measure.sh, with SAMPLE records (sample.py) and a copy of the page."""

import contextlib
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "scripts"), str(ROOT / "tests" / "bench")]
import pages  # noqa: E402
import records  # noqa: E402
import sample  # noqa: E402
import tables  # noqa: E402

PERFORMANCE = "docs/performance.md"


def run_tables(*arguments):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = tables.main(list(map(str, arguments)))
    return code, printed.getvalue()


class Sample(unittest.TestCase):
    """A folder like the repository, with the page and sample records."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = Path(holder.name).resolve()
        (self.root / "docs").mkdir()
        shutil.copy(ROOT / PERFORMANCE, self.root / "docs")
        self.page, self.results = self.root / PERFORMANCE, self.root / "bench" / "results" / "sample"
        sample.write(self.results)

    def write(self):
        return run_tables("--root", self.root, self.results)

    def check(self):
        return run_tables("--root", self.root, "--check")

    def change(self, name, edit):
        """Changes the data of a record."""
        path = self.results / name
        data = json.loads(path.read_text())
        edit(data)
        path.write_text(json.dumps(data))


class Tables(Sample):
    def test_write_every_region_and_nothing_else(self):
        before = pages.without_regions(self.page.read_text())
        self.assertEqual(self.write()[0], 0)
        text = self.page.read_text()
        for name in tables.REGIONS:
            self.assertIn("made by bench/tables.py from bench/results/sample", pages.region(text, name))
        self.assertEqual(
            [line for line in pages.without_regions(text).splitlines() if line], [line for line in before.splitlines() if line]
        )
        self.assertEqual(pages.region(text, "gpu-table"), pages.region((ROOT / PERFORMANCE).read_text(), "gpu-table"))
        self.assertEqual(self.check()[0], 0)

    def test_name_the_machine_the_versions_and_the_commands(self):
        self.write()
        region = pages.region(self.page.read_text(), "cpu-peers")
        for part in ("SAMPLE EPYC, 2 cores, 2 threads", "commit 0123456789ab", "28 November 2026", "Eigen 3.4.0", "GNU 12.2.0"):
            self.assertIn(part, region.replace("\n", " "))
        self.assertIn("rectify-bench run --hot --min 1M --max 1M\n", region)

    def test_check_finds_a_lost_row_and_a_changed_record(self):
        self.write()
        good = self.page.read_text()
        self.page.write_text(re.sub(r"\| accumulate_dbias \|.*\n", "", good, count=1))
        self.assertEqual(self.check()[0], 1)
        self.page.write_text(good)
        self.change("ops.json", lambda data: data["machine"].update(commit="fedcba987654"))
        code, printed = self.check()
        self.assertEqual(code, 1)
        self.assertIn("region cpu-ops", printed)
        self.assertIn("README.md, region cpu-files", printed)

    def test_check_finds_records_that_the_page_does_not_show(self):
        code, printed = self.check()
        if "bench/results/" not in pages.region((ROOT / PERFORMANCE).read_text(), "cpu-ops"):
            self.assertEqual((code, printed.count("no figures of the records in bench/results/sample")), (1, 1))
        shutil.rmtree(self.results)
        for name in tables.REGIONS:
            self.page.write_text(pages.filled(self.page.read_text(), name, tables.NOTHING, []))
        self.assertEqual(self.check()[0], 0)
        self.page.write_text(pages.filled(self.page.read_text(), "cpu-ops", "by hand", ["| forward | 12.3 |"]))
        self.assertEqual(self.check()[0], 1)

    def test_tell_losses_as_well_as_wins(self):
        rows = [row for name in ("peers-hot.json", "peers-cold.json", "small.json") for row in sample.records()[name]["rows"]]
        rows = [row for row in rows if not row.get("is_ceiling")]
        ratios = [row["vs_rectify"] for row in rows if "vs_rectify" in row]
        self.write()
        region = " ".join(pages.region(self.page.read_text(), "cpu-slow").split())
        self.assertIn(f"in {len(ratios)} cases: rectify takes less time in {sum(ratio >= 1.005 for ratio in ratios)}", region)
        self.assertIn(f"more in {sum(ratio < 0.995 for ratio in ratios)}.", region)
        for row in rows:
            if row.get("vs_rectify", 1) < 0.995:
                where = f"{row['op']} {row['dtype']}, {pages.size_text(row['tensor_bytes'])} {row['mode']}"
                self.assertIn(f"{where}, {row['vs_rectify']:.2f}", region)

    def test_tell_a_figure_above_the_ceiling(self):
        self.write()
        self.assertNotIn("fault", pages.region(self.page.read_text(), "cpu-slow"))

        def edit(data):
            row = next(row for row in data["rows"] if row["who"] == "rectify" and row["op"] == "all_sums")
            row["ceiling_us"] *= 1.2 / row["of_ceiling"]
            row["of_ceiling"] = 1.2

        self.change("ops.json", edit)
        self.write()
        region = " ".join(pages.region(self.page.read_text(), "cpu-slow").split())
        self.assertIn(
            "A fault of the measurement, above 103 % of the ceiling: rectify, all_sums f32, 64 MiB cold, 120.0 %.", region
        )

    def test_tell_a_peer_that_failed_or_is_absent(self):
        def edit(data):
            for row in data["rows"]:
                if row["who"] == "Eigen":
                    for name in [name for name in row if name.startswith("us")] + ["vs_rectify"]:
                        row.pop(name, None)
                    row["absent"] = "it was not built"
            row = next(row for row in data["rows"] if row["who"] == "oneDNN" and "us" in row)
            del row["us"]
            row["failed"] = "y at element 3"

        for name in ("peers-hot.json", "peers-cold.json"):
            self.change(name, edit)
        self.assertEqual(self.write()[0], 0)
        region = pages.region(self.page.read_text(), "cpu-peers")
        self.assertIn("Eigen took no part: it was not built.", region)
        self.assertIn("oneDNN failed, forward f32: y at element 3.", region)
        self.assertIn("| op | dtype | loop | oneDNN | PyTorch |", region)

    def test_reject_a_record_that_is_not_fit(self):
        def first(data):
            return next(row for row in data["rows"] if row["who"] == "rectify")

        def fail(data):
            first(data).update(failed="y at element 17", us_was=first(data).pop("us"))

        for edit, text in (
            (lambda data: data.update(schema=2), "its schema is not rectify-bench/3"),
            (lambda data: data.update(complete=False), "it is not complete"),
            (lambda data: data.update(rows=[]), "it has no rows"),
            (lambda data: data["machine"].pop("commit"), "its machine has no commit"),
            (lambda data: data["machine"].update(threads=1), "of different machines or threads"),
            (lambda data: data["machine"].update(device="cuda:0"), "is of cuda:0"),
            (fail, "forward f32 by rectify failed: y at element 17"),
            (lambda data: first(data).pop("us"), "has not one of us, failed, absent, skipped"),
            (lambda data: first(data).pop("noise"), "has no noise"),
            (lambda data: first(data).update(us_p10=1e9), "its times are out of order"),
            (lambda data: first(data).update(gbps=1000), "gbps is not bytes / us"),
            (lambda data: first(data).update(of_ceiling=0.5), "of_ceiling is not ceiling_us / us"),
            (lambda data: first(data).update(checked=False), "forward f32 by rectify was not checked"),
        ):
            sample.write(self.results)
            self.change("ops.json", edit)
            code, printed = self.write()
            self.assertEqual((code, printed.count("\n")), (2, 1), printed)
            self.assertIn(text, printed)

    def test_reject_what_may_not_be_committed(self):
        good = sample.records()["ops.json"]
        good["machine"]["name"] = "AMD EPYC"
        self.assertEqual(records.faults_of_committed(good), [])
        self.assertEqual(len(records.faults_of_committed(sample.records()["ops.json"])), 1)
        good["rows"].append({"op": "forward", "dtype": "f32", "who": "PyTorch", "failed": "it raised"})
        good["machine"]["commit"] += "-dirty"
        self.assertEqual(len(records.faults_of_committed(good)), 2)

    def test_never_quote_a_sample_in_the_repository(self):
        folder = ROOT / "bench" / "results" / "sample"
        with self.assertRaisesRegex(tables.Problem, "may not be quoted"):
            tables.new_texts(ROOT, self.results)
        self.assertFalse(folder.exists())
        self.assertEqual(run_tables(self.results)[0], 2)


class Names(unittest.TestCase):
    def test_machines_get_short_names(self):
        for name, short in (
            ("AMD EPYC", "epyc-2-cores"),
            ("Intel(R) Xeon(R) Platinum 8488C CPU @ 2.40GHz", "xeon-platinum-8488c-2-cores"),
            ("13th Gen Intel(R) Core(TM) i7-1370P", "core-i7-1370p-2-cores"),
            ("AMD Ryzen 9 7950X 16-Core Processor", "ryzen-9-7950x-2-cores"),
        ):
            self.assertEqual(records.short_name({"name": name, "cores": 2}), short)


# A stand-in for rectify-bench, which writes the sample record that its options ask for.
FAKE = """import json, sys
sys.path.insert(0, {samples!r})
import sample
if sys.argv[1] == "info":
    print(json.dumps(sample.machine()))
else:
    out = sys.argv[sys.argv.index("--json") + 1]
    data = sample.records()[out.rpartition("/")[2]]
    data["command"] = "rectify-bench " + " ".join(sys.argv[1:])
    with open(out, "w") as to:
        json.dump(data, to)
"""


class Measure(Sample):
    """bench/measure.sh in a copy of what it uses, with a stand-in for rectify-bench."""

    def setUp(self):
        super().setUp()
        shutil.rmtree(self.results)
        for path in [
            *ROOT.glob("bench/*.py"),
            *ROOT.glob("bench/plot.mplstyle"),
            ROOT / "bench" / "measure.sh",
            ROOT / "scripts" / "pages.py",
        ]:
            copy = self.root / path.relative_to(ROOT)
            copy.parent.mkdir(exist_ok=True)
            shutil.copy(path, copy)
        (self.root / "fake.py").write_text(FAKE.format(samples=str(ROOT / "tests" / "bench")))
        self.bench = self.root / "rectify-bench"
        self.bench.write_text(f'#!/bin/sh\nexec "{sys.executable}" -B "{self.root}/fake.py" "$@"\n')
        self.bench.chmod(self.bench.stat().st_mode | stat.S_IXUSR)

    def measure(self, *arguments, **more):
        env = {**os.environ, "RECTIFY_BENCH": str(self.bench), "PYTHON": sys.executable, **more}
        env.pop("MEASURE_OUT", None)
        command = ["bash", str(self.root / "bench" / "measure.sh"), *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True)

    def test_quick_writes_to_the_build_folder_alone(self):
        before = {path: path.read_bytes() for path in self.root.rglob("*") if path.is_file()}
        ran = self.measure("--quick")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        after = {path: path.read_bytes() for path in self.root.rglob("*") if path.is_file()}
        build = self.root / "build" / "measure"
        self.assertEqual(before, {path: content for path, content in after.items() if build not in path.parents})
        results = build / "bench" / "results" / "sample-epyc-2-cores"
        self.assertEqual({path.name for path in results.iterdir()}, {*sample.records(), "README.md"})
        self.assertIn("--device cpu --samples 2", (results / "README.md").read_text())
        self.assertEqual(run_tables("--root", build, "--check")[0], 0)

    def test_bad_input(self):
        for arguments, more, text in (
            (("--quick", "Big Name"), {}, "'Big Name' is not a name"),
            (("--fast",), {}, "usage: bench/measure.sh"),
            (("a", "b"), {}, "usage: bench/measure.sh"),
            (("--quick",), {"RECTIFY_BENCH": "/nowhere/rectify-bench"}, "there is no /nowhere/rectify-bench"),
        ):
            ran = self.measure(*arguments, **more)
            self.assertEqual((ran.returncode, ran.stderr.count("\n")), (2, 1), ran.stderr)
            self.assertIn(text, ran.stderr)


if __name__ == "__main__":
    unittest.main()

"""rectify-bench under abuse: what went wrong in other benchmark programs, by public reports. Each test names the kind.

Kinds 11, 12, 15, 16 and 17 are in command_line_test.py. Kinds that need no process are in report_test.cpp (a figure above its ceiling,
noise) and timing_test.cpp (13, the median of an even number).
"""

import json
import os
import resource
import signal
import subprocess
import time
import unittest

from program import BENCH, MANY, QUICK, SLOW, Case, bench


class Endings(Case):
    def test_1_a_closed_pipe_loses_no_figures(self):
        process = subprocess.run(
            ["sh", "-c", '"$0" "$@" | head -n 1', BENCH, *MANY, "--json", self.json], capture_output=True, text=True, timeout=120
        )
        self.assertTrue(process.stdout.startswith("# rectify-bench"))
        deadline = time.monotonic() + 60
        while not (self.json.exists() and self.record()["complete"]) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertTrue(self.record()["complete"])

    def test_2_signals_end_the_run_and_keep_its_figures(self):
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            with self.subTest(name):
                number = getattr(signal, name)
                process = self.start(*MANY[:-4], "--samples", "200", "--seconds", "1", "--json", str(self.json))
                self.wait_for_row(process)
                process.send_signal(number)
                _, errors = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 128 + number, errors)
                self.assertIn("interrupted after", errors)
                self.assertFalse(self.record()["complete"])
                self.assertTrue(self.record()["rows"])

    def test_3_one_long_case_ends_at_the_first_signal_and_a_second_ends_at_once(self):
        process = self.start(*SLOW)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        process = self.start(*SLOW[:-6], "--min", "512M", "--samples", "3")
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)

    def test_1_a_pipe_that_closes_is_an_error_not_a_death(self):
        reader, writer = os.pipe()
        os.close(reader)
        process = subprocess.run([BENCH, *QUICK], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120)
        os.close(writer)
        self.assertEqual(process.returncode, 1)
        self.assertIn("cannot print: Broken pipe", process.stderr)


class Files(Case):
    def test_4_outputs_are_tried_before_the_work(self):
        for option in ("--json", "--csv", "--md"):
            for file in ("/nowhere/at/all", str(self.folder)):
                done = bench(*QUICK, option, file)
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"{file}: cannot be written", done.stderr)
                self.assertEqual(done.stdout, "")

    def test_4_a_whole_run_is_complete(self):
        self.assertEqual(bench(*QUICK, "--json", self.json).returncode, 0)
        self.assertTrue(self.record()["complete"])

    def test_6_a_full_disk_leaves_the_old_file(self):
        self.json.write_text("old")

        def little_disk():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))

        done = bench(*QUICK, "--json", self.json, preexec_fn=little_disk)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot be written: File too large", done.stderr)
        self.assertEqual(self.json.read_text(), "old")
        self.assertEqual(os.listdir(self.folder), ["record.json"])

    def test_7_any_bytes_in_a_path(self):
        path = os.fsencode(self.folder) + b"/caf\xe9.json"
        self.assertEqual(bench(*QUICK, "--json", path).returncode, 0)
        with open(path, "rb") as file:
            self.assertIn("caf\ufffd.json", json.loads(file.read())["command"])

    def test_9_two_writers_of_one_file(self):
        both = [self.start(*QUICK, "--json", str(self.json)) for _ in range(2)]
        for process in both:
            process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0)
        self.assertTrue(self.record()["complete"])
        self.assertEqual(os.listdir(self.folder), ["record.json"])

    def test_10_a_full_disk_is_told_by_every_command(self):
        self.assertEqual(bench(*QUICK, "--json", self.json).returncode, 0)
        compare = ["compare", str(self.json), str(self.json)]
        for arguments in (QUICK, ["check", *QUICK[1:3]], ["list"], ["info"], ["--help"], ["run", "--help"], ["--version"], compare):
            if arguments[0] == "check":
                arguments = ["check", "--op", "forward", "--max", "4K"]
            with self.subTest(" ".join(arguments)), open("/dev/full", "w") as full:
                done = subprocess.run([BENCH, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
                self.assertEqual(done.returncode, 1)
                self.assertIn("rectify-bench: cannot print: ", done.stderr)


class Measurements(Case):
    def test_5_every_row_has_its_own_ceiling(self):
        bench(*QUICK[:4], "--samples", "3", "--seconds", "0", "--min", "256K", "--json", self.json)
        rows = self.record()["rows"]
        cases = {row["op"] for row in rows}
        self.assertGreater(len(cases), 20)
        for op in cases:
            mine = [row for row in rows if row["op"] == op]
            ceilings = [row for row in mine if row.get("is_ceiling")]
            (own,) = [row for row in mine if row["who"] == "rectify"]
            self.assertGreaterEqual(len(ceilings), 2)
            self.assertAlmostEqual(own["ceiling_us"], min(row["us"] for row in ceilings))
            self.assertAlmostEqual(own["of_ceiling"], own["ceiling_us"] / own["us"], places=4)
            self.assertEqual(own["fault"], own["of_ceiling"] > 1.03)
            for row in ceilings:
                self.assertEqual(row["bytes"], own["bytes"])
                self.assertLessEqual(row["of_ceiling"], 1)

    def test_8_sizes_are_reduced_to_memory_and_that_is_told(self):
        done = bench(
            *QUICK[:-6], "--max", "4G", "--samples", "1", "--seconds", "0", "--json", self.json,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"forward: reduced from 4 GiB to \d+ MiB")
        self.assertEqual(self.record()["rows"][0]["who"], "rectify")

    def test_14_header_and_record_tell_what_figures_depend_on(self):
        done = bench(*QUICK, "--threads", "1", "--json", self.json)
        self.assertRegex(done.stdout, r"1 of \d+ cores \(\d")
        machine = self.record()["machine"]
        for field in ("name", "cores", "affinity", "instruction_set", "caches", "version", "compiler", "omp_wait_policy", "load"):
            self.assertIn(field, machine)
        self.assertEqual(machine["threads"], 1)
        row = self.record()["rows"][0]
        self.assertEqual(row["runs"], len(row["us_samples"]))
        self.assertGreaterEqual(row["calls"], 1)
        self.assertLessEqual(row["us_min"], row["us_p10"])
        self.assertLessEqual(row["us_p90"], row["us_max"])

    def test_18_threads_spin_for_a_short_while_unless_told_otherwise(self):
        without = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
        for given, policy, spins in (
            ({}, "passive", "10000"),
            ({"OMP_WAIT_POLICY": "active"}, "active", ""),
            ({"GOMP_SPINCOUNT": "7"}, "", "7"),
        ):
            bench(*QUICK, "--json", self.json, env={**without, **given})
            machine = self.record()["machine"]
            self.assertEqual((machine["omp_wait_policy"], machine["gomp_spincount"]), (policy, spins))

    def test_unchecked_rows_say_so(self):
        bench(*QUICK, "--no-check", "--json", self.json)
        self.assertFalse(self.record()["rows"][0]["checked"])
        bench(*QUICK, "--json", self.json)
        self.assertTrue(self.record()["rows"][0]["checked"])

    def test_a_repro_runs_the_same_case(self):
        bench(
            "check", "--device", "cpu", "--op", "bias_forward,models_forward", "--min", "64K", "--alpha", "0,0.25", "--threshold", "0.5",
            "--max-value", "6", "--json", self.json,
        )  # fmt: skip
        for row in self.record()["rows"]:
            again = self.folder / "again.json"
            done = bench("check", *row["repro"].split()[2:], "--json", again)
            if done.returncode == 2:
                done = bench(*row["repro"].split()[1:], "--samples", "1", "--seconds", "0", "--json", again)
            self.assertEqual(done.returncode, 0, done.stderr)
            (repeated,) = [one for one in json.loads(again.read_text())["rows"] if one["who"] == "rectify"]
            for field in ("op", "dtype", "shape", "alpha", "threshold", "max_value", "inplace", "misalign"):
                self.assertEqual(repeated[field], row[field])

    def test_lists_are_combined_and_what_cannot_be_run_is_told(self):
        done = bench(
            "check", "--device", "cpu", "--op", "forward,bias_forward", "--dtype", "f32,f16", "--alpha", "0,0.1", "--shape", "64,8x16",
            "--json", self.json,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.record()["cases"], 12)
        self.assertIn("needs a shape with an axis of channels", done.stdout.replace("\n#  ", ""))
        done = bench("check", "--op", "bias_forward", "--shape", "64")
        self.assertEqual(done.returncode, 77)


if __name__ == "__main__":
    unittest.main()

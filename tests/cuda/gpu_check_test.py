"""scripts/gpu-check.sh prepare and run, without a GPU."""

import json
import os
import shutil
import stat
import subprocess
import tarfile
import time
import unittest

from gpu_check_stand_ins import CASE, LARGE, RECORD, ROOT, TESTS, Folders, command, is_gone, write_program

import check  # in scripts/gpu_check, as those that follow
import rows
import steps


class DryRun(Folders):
    def test_every_part_runs_and_leaves_results_that_keep_to_the_schema(self):
        ran = self.run_parts()
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertEqual({step["part"] for step in self.steps().values()}, set(steps.PARTS))
        self.assertEqual({step["status"] for step in self.steps().values()}, {"passed"})
        found, wrong = rows.read(self.out / "rows.jsonl")
        self.assertEqual(wrong, [])
        self.assertEqual({row["part"] for row in found}, set(rows.PARTS) - set(rows.EARLIER_PARTS))
        sets = {row["set"] for row in found if row["part"] == "shapes"}
        self.assertEqual(sets, {name for part, name in self.steps() if part == "shapes"})
        files = list(self.out.rglob("*"))
        self.assertEqual({file.name for file in files}, set(check.FILES))
        self.assertLessEqual(len(files), 8)
        for text in ("best copy at 1 GiB: 3028 GB/s", "forward f32 0.50", "correctness"):
            self.assertIn(text, ran.stdout)
        self.assertIn((self.out / "summary.txt").read_text(), ran.stdout)
        self.assertLess(len((self.out / "summary.txt").read_text().splitlines()), 50)

    def test_a_failing_step_is_exit_code_1_and_the_rest_goes_on(self):
        ran = self.run_parts("sweep", "shapes", FAKE_FAIL="rectify-sweep")
        self.assertEqual(ran.returncode, 1, ran.stdout)
        self.assertEqual(self.steps()["sweep", "sweep"]["status"], "failed")
        self.assertEqual(self.steps()["shapes", "pitched"]["status"], "passed")
        self.assertIn("failed: sweep: sweep: exit code 1: it went wrong", ran.stdout)

    def test_counts_and_exit_statuses_of_pytest(self):
        for said, status, detail in (
            ("3 passed, 1 skipped in 0.12s/0", "passed", "3 passed, 1 skipped in 0.12s"),
            ("1 failed, 2 passed in 0.12s/1", "failed", "exit code 1: 1 failed, 2 passed in 0.12s"),
            ("4 skipped in 0.12s/0", "absent", "4 skipped in 0.12s"),
            ("no tests ran in 0.01s/5", "absent", "no tests ran in 0.01s"),
            ("/usr/bin/python3: No module named pytest/1", "absent", "pytest is not installed"),
        ):
            with self.subTest(said):
                shutil.rmtree(self.out, ignore_errors=True)
                self.run_parts("package", FAKE_PYTEST=said)
                step = self.steps()["package", "torch_bits_test.py"]
                self.assertEqual((step["status"], step["detail"]), (status, detail))

    def test_training_under_torch_compile_fails_where_torch_does_not(self):
        for failed, status, detail in (
            ("", "passed", "4 of 4 rows"),
            ("torch compiled,rectify compiled", "passed", "2 of 4 rows; torch compiled failed: no Triton"),
            ("rectify compiled", "failed", "3 of 4 rows; rectify compiled failed: no Triton"),
            ("rectify,torch compiled,rectify compiled", "failed", "1 of 4 rows; rectify failed: no Triton"),
        ):
            with self.subTest(failed):
                shutil.rmtree(self.out, ignore_errors=True)
                self.run_parts("python", FAKE_COMPILE=failed)
                step = self.steps()["python", "training under torch.compile"]
                self.assertEqual((step["status"], step["detail"]), (status, detail))
                self.assertEqual(len(json.loads((self.out / "torch-compile.json").read_text())["rows"]), 4)

    def test_exit_statuses_of_rectify_bench(self):
        for code, status, detail in ((1, "failed", "exit code 1"), (77, "absent", "exit code 77"), (143, "cut", "signal SIGTERM")):
            with self.subTest(code):
                shutil.rmtree(self.out, ignore_errors=True)
                self.assertEqual(self.run_parts("sweep", FAKE_STATUS=str(code)).returncode, 1)
                step = self.steps()["sweep", "sweep"]
                self.assertEqual(step["status"], status)
                self.assertIn(detail, step["detail"])
                self.assertEqual(len((self.out / "rows.jsonl").read_text().splitlines()), len(RECORD))

    def test_a_figure_above_the_ceiling_is_told(self):
        self.write_record([{**LARGE[0], "of_ceiling": 1.06, "fault": True}])
        self.pack()
        text = "above 103 % of the ceiling, so the measurement is wrong: sweep: forward f32 1073741824 B, cold, rectify: 106 %"
        self.assertIn(text, self.run_parts("sweep").stdout)

    def test_skipped_tests_are_not_passed(self):
        ran = self.run_parts("correctness", FAKE_SKIP="rectify_thrust_tests")
        self.assertEqual(ran.returncode, 1)
        self.assertEqual(self.steps()["correctness", "Thrust"]["status"], "failed")

    def test_a_row_of_rectify_that_failed_is_a_failed_step(self):
        self.write_record([{**CASE, "who": "rectify", "failed": "differs from the reference: y at 3"}])
        self.pack()
        ran = self.run_parts("ops")
        self.assertEqual(ran.returncode, 1)
        self.assertEqual(self.steps()["ops", "1 GiB f32"]["status"], "failed")
        self.assertIn("failed row: ops: forward f32 rectify: differs from the reference: y at 3", ran.stdout)

    def test_a_peer_that_failed_is_told_and_no_failed_step(self):
        self.write_record([*RECORD, {**CASE, "who": "cuDNN", "failed": "status 9"}])
        self.pack()
        ran = self.run_parts("sweep")
        self.assertEqual(ran.returncode, 0)
        self.assertIn("failed row: sweep: forward f32 cuDNN: status 9", ran.stdout)

    def test_a_record_without_rows_is_a_failed_step(self):
        self.write_record([])
        self.pack()
        self.assertEqual(self.run_parts("sweep").returncode, 1)

    def test_the_time_of_a_run_is_kept(self):
        began = time.monotonic()
        ran = self.gpu_check(
            "run", self.dir, self.out, "sweep", "python", "--any-commit", "--seconds", "8.5", FAKE_HANG="rectify-sweep"
        )
        self.assertLess(time.monotonic() - began, 12)
        self.assertEqual(ran.returncode, 1, ran.stdout + ran.stderr)
        self.assertEqual(self.steps()["sweep", "sweep"]["status"], "cut")
        self.assertEqual(self.steps()["python", "python peers"]["status"], "cut")
        self.assertIn("cut: sweep: sweep: after", (self.out / "summary.txt").read_text())

    def test_a_run_that_is_stopped_leaves_a_summary_and_no_processes(self):
        env = {
            **os.environ,
            "PATH": f"{self.tools}:/usr/bin:/bin",
            "FAKE_HANG": "rectify-sweep",
            "FAKE_PID": str(self.top / "pid"),
        }
        process = subprocess.Popen(
            command("run", self.dir, self.out, "shapes", "sweep", "--any-commit"),
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
        self.assertEqual({step["part"] for step in self.steps().values()}, {"shapes"})
        self.assertTrue(is_gone((self.top / "pid").read_text().strip()))

    def test_what_was_not_built_is_absent_and_no_error(self):
        self.pack(absent={"rectify-bench": "CLI11 was not found"})
        ran = self.run_parts("sweep", "ops")
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
        ran = self.run_parts("sweep", "python")
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


if __name__ == "__main__":
    unittest.main()

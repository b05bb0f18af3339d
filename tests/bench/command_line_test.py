"""What rectify-bench accepts and prints, and what its compare finds. Numbers in names: kinds of fault, as in faults_test.py."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import unittest

from program import BENCH, QUICK, Case, bench, lines_of


class CommandLine(Case):
    def test_11_nonsense_is_refused_with_the_name_of_the_option(self):
        for option, values in {
            "--alpha": ["nan", "inf", "x", "1e999"],
            "--threshold": ["nan"],
            "--max-value": ["-inf", "nan"],
            "--samples": ["0", "-1", "1.5", "18446744073709551615"],
            "--seconds": ["-1", "nan"],
            "--noise": ["nan", "-1%", "x"],
            "--threads": ["0", "-1"],
            "--misalign": ["-1"],
            "--min": ["-1", "0", "3", "x", "2T"],
            "--factor": ["0", "1"],
            "--shape": ["0x5", "-1", "8x", "x8", "9999999999x9999999999", "1x1x1x1x1x1x1x1x1", "", "8xn"],
            "--channel-axis": ["-1", "8"],
            "--op": ["no_such_op"],
            "--dtype": ["f8"],
            "--device": ["gpu", "cuda:", "cuda:x"],
            "--layout": ["nhcw"],
            "--baseline": ["mkl"],
            "--no-such-option": ["1"],
        }.items():
            for value in values:
                with self.subTest(f"{option} {value}"):
                    done = bench("run", f"{option}={value}", "--max", "4K") if option != "--min" else bench("run", f"{option}={value}")
                    self.assertEqual(done.returncode, 2, done.stdout)
                    self.assertIn(option, done.stderr)
                    self.assertEqual(done.stdout, "")
                    for line in done.stderr.splitlines():
                        self.assertLessEqual(len(line), 120, line)

    def test_15_no_line_is_wider_than_79_columns(self):
        for arguments in (["--help"], ["run", "--help"], ["check", "--help"], ["compare", "--help"], ["list"], ["info"], QUICK):
            for line in lines_of(*arguments):
                self.assertLessEqual(len(line), 79, line)

    def test_16_only_options_that_were_given_are_blamed(self):
        self.assertEqual(bench(*QUICK[:6], "--max", "4K", "--samples", "1", "--seconds", "0").returncode, 0)
        self.assertEqual(bench(*QUICK[:6], "--min", "4K", "--samples", "1", "--seconds", "0").returncode, 0)
        done = bench("run", "--min", "8K", "--max", "4K")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--min: is larger than --max", done.stderr)
        done = bench("run", "--cold", "--hot")
        self.assertEqual((done.returncode, "--cold: cannot be combined with --hot" in done.stderr), (2, True), done.stderr)

    def test_there_is_a_version_and_an_example(self):
        self.assertRegex(bench("--version").stdout, r"^\d+\.\d+\.\d+\n$")
        self.assertIn("rectify-bench run --op", bench("--help").stdout)

    def test_a_device_that_is_missing_is_77(self):
        if "cuda:" in bench("info").stdout:
            self.skipTest("there is a GPU")
        self.assertEqual(bench("run", "--device", "cuda").returncode, 77)

    def test_the_cpu_has_no_graphs(self):
        done = bench("run", "--device", "cpu", "--graph")
        self.assertEqual((done.returncode, "--graph: the CPU has no graphs" in done.stderr), (2, True), done.stderr)


class Terminal(Case):
    def in_terminal(self, columns, terminal):
        """What the program writes to stderr if that is a terminal."""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(
            [BENCH, *QUICK], stdout=subprocess.DEVNULL, stderr=follower, env={**os.environ, "TERM": terminal}
        )
        os.close(follower)
        text = b""
        with contextlib.suppress(OSError):
            while select.select([leader], [], [], 60)[0]:
                read = os.read(leader, 4096)
                if not read:
                    break
                text += read
        os.close(leader)
        self.assertEqual(process.wait(timeout=60), 0)
        return text.decode()

    def test_15_progress_fits_the_terminal_and_is_cleared(self):
        text = self.in_terminal(12, "xterm")
        self.assertIn("1/1 forward", text)
        shown = ""
        for part in text.split("\r"):
            self.assertLess(len(part), 12)
            shown = part + shown[len(part) :]
        self.assertEqual(shown.strip(), "")
        self.assertNotIn("\x1b", text)

    def test_15_a_dumb_terminal_gets_no_progress(self):
        self.assertEqual(self.in_terminal(80, "dumb"), "")


class Compare(Case):
    def setUp(self):
        super().setUp()
        self.old, self.new = self.folder / "old.json", self.folder / "new.json"
        self.assertEqual(bench(*QUICK, "--json", self.old).returncode, 0)
        self.rows = json.loads(self.old.read_text())
        for row in self.rows["rows"]:
            row.update(us=100.0, us_p10=99.0, us_p90=101.0, of_ceiling=0.9)
        self.old.write_text(json.dumps(self.rows))

    def compare(self, *options, **figures):
        for row in self.rows["rows"]:
            row.update(figures)
        self.new.write_text(json.dumps(self.rows))
        return bench("compare", self.old, self.new, *options)

    def test_a_slower_case_fails(self):
        done = self.compare(us=110.0, us_p10=109.0, us_p90=111.0)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"100.00 +110.00 +1.100 +1.4% -")
        self.assertEqual(self.compare("--fail-above", "15%", us=110.0).returncode, 0)

    def test_a_faster_case_and_one_within_the_noise_do_not(self):
        self.assertEqual(self.compare(us=90.0, us_p10=89.0, us_p90=91.0).returncode, 0)
        self.assertEqual(self.compare(us=110.0, us_p10=90.0, us_p90=130.0).returncode, 0)
        self.assertEqual(self.compare(us=103.0, us_p10=102.0, us_p90=104.0).returncode, 0)

    def test_shares_of_the_ceiling(self):
        slower = dict(us=50.0, us_p10=49.5, us_p90=50.5, of_ceiling=0.7)
        self.assertEqual(self.compare("--by", "ceiling", **slower).returncode, 1)
        self.assertEqual(self.compare(**slower).returncode, 0)

    def test_records_without_a_common_case(self):
        self.assertEqual(self.compare(op="backward").returncode, 77)

    def test_12_and_17_what_is_no_record_is_told(self):
        good = self.old.read_bytes()
        for text in (
            b"", b"{", b"[]", b"null", b"[" * 100000, good[: len(good) // 2], good.replace(b"rectify-bench/3", b"rectify-bench/31"),
            good.replace(b"rectify-bench/3", b"rectify-bench/"), b'{"schema": "rectify-bench/3"}', b'{"schema": "rectify-bench/3", "rows": 1}',
            b'{"schema": "rectify-bench/3", "rows": [{"us": "1"}]}', b'{"schema": "rectify-bench/3", "rows": [{"us": -1}]}',
            b'{"schema": "rectify-bench/3", "rows": [{"us": 1}]}', b'{"schema": 3, "rows": []}',
        ):  # fmt: skip
            with self.subTest(text[:60]):
                self.new.write_bytes(text)
                done = bench("compare", self.old, self.new)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn(f"{self.new}: ", done.stderr)
        done = bench("compare", self.old, self.folder / "absent.json")
        self.assertEqual(done.returncode, 1)
        self.assertIn("absent.json: cannot be read", done.stderr)

    def test_lines_fit(self):
        for line in self.compare(us=110.0).stdout.splitlines()[3:]:
            self.assertLessEqual(len(re.sub(r"/\S+", "", line)), 81, line)


if __name__ == "__main__":
    unittest.main()

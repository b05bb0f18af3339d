"""What the tests of rectify-bench as a program share. The program is RECTIFY_BENCH."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

BENCH = os.environ["RECTIFY_BENCH"]
QUICK = ["run", "--device", "cpu", "--hot", "--op", "forward", "--max", "4K", "--samples", "2", "--seconds", "0"]
SLOW = ["run", "--device", "cpu", "--hot", "--op", "forward", "--min", "1M", "--samples", "10000", "--seconds", "1000"]
MANY = ["run", "--device", "cpu", "--hot", "--dtype", "all", "--min", "64K", "--max", "1M", "--factor", "2", "--samples", "3", "--seconds", "0"]


def bench(*arguments, **more):
    return subprocess.run([BENCH, *arguments], capture_output=True, text=True, errors="surrogateescape", timeout=120, **more)


def lines_of(*arguments):
    done = bench(*arguments)
    return (done.stdout + done.stderr).splitlines()


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.json = self.folder / "record.json"

    def record(self):
        return json.loads(self.json.read_bytes())

    def start(self, *arguments, **more):
        process = subprocess.Popen([BENCH, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def wait_for_row(self, process):
        for line in process.stdout:
            if line.startswith("forward"):
                return
        self.fail(process.stderr.read())

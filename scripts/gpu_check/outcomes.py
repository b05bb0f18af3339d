"""Counts the tests of a step. Also finds cuDNN's library for a step."""

import glob
import re
import sys
from pathlib import Path


def passed_some(outcome, output):
    """Counts the tests that ran. If all were skipped or filtered out, the step failed."""
    lines = output.read_text(errors="replace").splitlines()
    counts = [int(line.split()[3]) for line in lines if line.startswith("[  PASSED  ]")]
    if outcome.status == "passed":
        outcome.detail = f"{sum(counts)} tests"
        if not counts or min(counts) == 0:
            outcome.status, outcome.detail = "failed", "no test ran: no GPU was seen, or no test has that name"


def passed_some_of_pytest(outcome, output):
    """The same for pytest, whose last line has the counts. It is absent if there is no pytest, or no library to test with."""
    lines = output.read_text(errors="replace").strip().splitlines() or [""]
    if any(line.endswith("No module named pytest") for line in lines):
        outcome.status, outcome.detail = "absent", "pytest is not installed"
    elif outcome.status == "passed" or outcome.detail.startswith("exit code 5"):  # 5: no test
        passed = re.search(r"(\d+) passed", lines[-1])
        outcome.detail = lines[-1].strip("= ")
        if not passed:
            outcome.status = "absent"


def find_cudnn():
    """Finds the cuDNN that PyTorch installs as a Python package, because no loader looks there."""
    folders = [*sys.path, *glob.glob("/usr/local/lib/python3*/dist-packages"), *glob.glob("/opt/conda/lib/python3*/site-packages")]
    files = [Path(folder or ".") / "nvidia" / "cudnn" / "lib" / "libcudnn.so.9" for folder in folders]
    return next((str(file) for file in files if file.exists()), "")


def judge_training(outcome, rows):
    """The outcome of bench/torch_compile.py: failed if rectify does not run where torch does."""
    failed = {(row["network"], row["way"]): row["failed"] for row in rows if "failed" in row}
    bad = [(name, way) for name, way in failed if (name, way.partition(",")[0].replace("rectify", "torch")) not in failed]
    if outcome.status == "passed" and bad:
        outcome.status = "failed"
    told = [f"{way} failed: {failed[name, way][:100]}" for name, way in bad[:1] or list(failed)[:1]]
    outcome.detail = "; ".join([*filter(None, [outcome.detail]), f"{len(rows) - len(failed)} of {len(rows)} rows", *told])

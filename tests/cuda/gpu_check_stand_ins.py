"""Stand-ins for the programs that scripts/gpu-check.sh runs, and a prepared folder of them. They write what the real programs write,
from tests/cuda/gpu_sample."""

import json
import os
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "tests" / "cuda" / "gpu_sample"
sys.path[:0] = [str(ROOT / "scripts" / "gpu_check"), str(ROOT / "scripts")]
import prepare  # noqa: E402
import runner  # noqa: E402

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
# Stands for rectify-bench and rectify-sweep, whose last argument is the record. FAKE_STATUS is their exit status.
BENCH = MISBEHAVE + """
for last; do :; done
case "$last" in *.json) cp "$(dirname "$0")/record.json" "$last" ;; esac
exit "${FAKE_STATUS:-0}"
"""
PEERS = """import sys
out = sys.argv[sys.argv.index("--out") + 1]
open(out, "a").write('{"part": "python", "op": "run", "who": "peers.py", "note": "start", "more": {"torch": "2.0"}}\\n'
    '{"part": "python", "op": "leaky_forward", "who": "rectify", "dtype": "f32", "shape": "[4, 1024]", "tensor_bytes": 16384, '
    '"bytes": 32768, "mode": "cold", "us": 5.0, "gbps": 6.55, "checked": true, "runs": 3, "how": "the C ABI"}\\n'
    '{"part": "python", "op": "leaky_forward", "who": "jax jit", "dtype": "f32", "shape": "[4, 1024]", "absent": "no jax here"}\\n')
"""
# FAKE_COMPILE: the ways that failed, separated by commas.
COMPILE = """import json, os, sys
failed = os.environ.get("FAKE_COMPILE", "").split(",")
ways = ("torch", "rectify", "torch compiled", "rectify compiled")
rows = [{"network": "a", "way": way, **({"failed": "no Triton"} if way in failed else {"median_ms": 1.0})} for way in ways]
open(sys.argv[sys.argv.index("--json") + 1], "w").write(json.dumps({"rows": rows}))
"""
# Stands for pytest, whose last argument is a file of tests. FAKE_PYTEST is its last line and its exit status.
PYTEST = """import os, sys
line, code = os.environ.get("FAKE_PYTEST", "3 passed, 1 skipped in 0.12s/0").rsplit("/", 1)
print("...s\\n" + line)
sys.exit(int(code))
"""
NVIDIA_SMI = """#!/bin/sh
[ "${FAKE_GPU:-}" = none ] && { echo "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."; exit 9; }
echo "${FAKE_GPU:-SAMPLE GPU, 580.10, 9.0, 81559 MiB, 2619 MHz, 1980 MHz, 700.00 W}"
"""
SANITIZER = (
    '#!/bin/sh\nwhile [ "${1#/}" = "$1" ]; do shift; done\n"$@"\ncode=$?\necho "========= ERROR SUMMARY: 0 errors"\nexit $code\n'
)
NCU = '#!/bin/sh\ngrep "^\\"" "$FAKE_SAMPLE/profile.csv" | head -n 4\n'
SAMPLE_ROWS = [json.loads(line) for line in (SAMPLE / "rows.jsonl").read_text().splitlines()]
# A case as rectify-bench writes it: its fields, rectify's row and a mover's.
CASE_FIELDS = ("op", "dtype", "layout", "shape", "elements", "tensor_bytes", "alpha", "threshold", "max_value", "mode")
LARGE = [
    {name: value for name, value in row.items() if name not in ("part", "set")}
    for row in SAMPLE_ROWS
    if (row["part"], row["op"], row["dtype"]) == ("ops", "forward", "f32") and row.get("alpha") != 0
]
CASE = {name: LARGE[0][name] for name in CASE_FIELDS}
RECORD = [{**LARGE[0], "of_ceiling": 0.5}, next(row for row in LARGE if row.get("is_ceiling"))]


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
        write_program(self.binaries / "rectify-sweep", BENCH)
        write_program(self.binaries / "rectify-bench", BENCH)
        write_program(self.binaries / "peers" / "peers.py", PEERS)
        write_program(self.binaries / "package_bench" / "torch_compile.py", COMPILE)
        (self.binaries / "librectify.so").write_text("")
        write_program(self.binaries / "package" / "pytest.py", PYTEST)
        write_program(self.binaries / "package_tests" / "torch_bits_test.py", "")
        self.write_record(RECORD)
        write_program(self.tools / "nvidia-smi", NVIDIA_SMI)
        write_program(self.tools / "compute-sanitizer", SANITIZER)
        write_program(self.tools / "ncu", NCU)
        self.pack()

    def write_record(self, found):
        (self.binaries / "record.json").write_text(json.dumps({"schema": "rectify-bench/3", "rows": found}))

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

"""gpu-check: what there is to know of rectify on a GPU, in one run of ten minutes. See docs/gpu.md.

    scripts/gpu-check.sh prepare DIR                  build, here and without a GPU, all that travels, into DIR
    scripts/gpu-check.sh run DIR OUT [PART...]        run it on a machine with a GPU; results go to OUT
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import steps  # noqa: E402
from runner import Runner  # noqa: E402


def fail(text):
    print(f"gpu-check: {text}", file=sys.stderr)
    raise SystemExit(2)


def machine():
    query = "name,driver_version,compute_cap,memory.total,clocks.max.memory,clocks.max.sm,power.limit"
    if shutil.which("nvidia-smi") is None:
        fail("no nvidia-smi on this machine, so no GPU")
    asked = subprocess.run(["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"], capture_output=True, text=True)
    if asked.returncode != 0:
        fail(f"nvidia-smi: {(asked.stdout + asked.stderr).strip()}")
    return dict(zip(query.split(","), (word.strip() for word in asked.stdout.splitlines()[0].split(","))))


def lend_libraries(folder):
    """OpenMP's runtime travels along, for machines without one of their own; others keep theirs."""
    asked = subprocess.run(["ldd", folder / "rectify_tests"], capture_output=True, text=True)
    if "not found" in asked.stdout:
        os.environ["LD_LIBRARY_PATH"] = f"{folder / 'lib'}:{os.environ.get('LD_LIBRARY_PATH', '')}"
        print("some libraries are those that travelled along", flush=True)


def run(arguments):
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    manifest = json.loads((Path(arguments.dir) / "manifest.json").read_text())
    found = machine()
    if found["compute_cap"].replace(".", "") not in manifest["architectures"]:
        fail(f"the binaries are for sm_{manifest['architectures']}, the GPU is sm_{found['compute_cap'].replace('.', '')}")
    record = {"schema": "rectify-gpu/1", "gpu": found, "commit": manifest["commit"], "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    (out / "machine.json").write_text(json.dumps(record, indent=1) + "\n")
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(Path(arguments.dir) / "rectify-gpu.tar.xz") as packed:
            packed.extractall(scratch)
        lend_libraries(Path(scratch))
        print(f"unpacked after {time.monotonic() - begin:.1f} s", flush=True)
        runner = Runner(out, scratch, begin + arguments.seconds)
        steps.run_all(runner, Path(scratch), arguments.part or steps.PARTS)
    wrong = [outcome for outcome in runner.outcomes if outcome.status != "passed"]
    print(f"{len(runner.outcomes)} steps in {time.monotonic() - begin:.0f} s: {len(wrong)} did not pass")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(prog="gpu-check", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    run_verb = verbs.add_parser("run")
    run_verb.add_argument("dir")
    run_verb.add_argument("out")
    run_verb.add_argument("part", nargs="*", choices=[*steps.PARTS, []])
    run_verb.add_argument("--seconds", type=float, default=580)
    run_verb.set_defaults(do=run)
    arguments = parser.parse_args()
    return arguments.do(arguments)


raise SystemExit(main())

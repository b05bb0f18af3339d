"""gpu-check run: unpacks the prepared archive, runs the parts, and writes results and a summary to OUT."""

import json
import lzma
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

import steps
import summary
from machine import describe_commit, find_gpu, require_fit
from problem import Problem, of_os_error
from runner import Runner

ROOT = Path(__file__).resolve().parents[2]
LEAST_FREE = 16 << 20  # free bytes on OUT's disk: more than any run has written
FILES = ("machine.json", "steps.json", "rows.jsonl", "log.txt", "profile.csv", "torch-compile.json", "summary.txt")


def run(arguments):
    begin = time.monotonic()
    folder, out = Path(arguments.dir), Path(arguments.out)
    manifest = read_manifest(folder)
    require_commit(manifest, arguments.any_commit)
    gpu = find_gpu()
    require_fit(gpu, manifest)
    make_out(out)
    record = {
        "schema": "rectify-gpu/2",
        "gpu": gpu,
        "cores": os.cpu_count(),
        "commit": manifest["commit"],
        "nvcc": manifest["nvcc"],
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": command_of(arguments),
    }
    write(out / "machine.json", json.dumps(record, indent=1) + "\n")
    os.environ["PATH"] += ":/usr/local/cuda/bin"
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # the order of nvidia-smi
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as scratch:
        unpack(folder / "rectify-gpu.tar.xz", scratch)
        lend_libraries(Path(scratch))
        print(
            f"{gpu['name']}, driver {gpu['driver_version']}, commit {manifest['commit']}; "
            f"unpacked after {time.monotonic() - begin:.1f} s",
            flush=True,
        )
        return run_steps(arguments, manifest, Path(scratch), begin)


def run_steps(arguments, manifest, scratch, begin):
    runner = Runner(arguments.out, scratch, begin + arguments.seconds)
    plan = steps.Plan(runner, scratch, manifest["absent"], arguments.at_once)
    ended = "was stopped"
    try:
        plan.run(arguments.part or steps.PARTS)
        ended = "ended"
    except KeyboardInterrupt:
        print("gpu-check: stopped by a signal", flush=True)
    finally:
        runner.stop()
    text = summary.of_run(
        json.loads((runner.out / "machine.json").read_text()),
        [outcome.record() for outcome in runner.outcomes],
        summary.rows_of(runner.out),
        f"{ended} after {time.monotonic() - begin:.0f} s",
    )
    write(runner.out / "summary.txt", text)
    print("\n" + text, flush=True)
    statuses = {outcome.status for outcome in runner.outcomes}
    return 0 if ended == "ended" and "passed" in statuses and not statuses & {"failed", "cut"} else 1


def read_manifest(folder):
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        for name in ("commit", "architectures", "nvcc", "absent"):
            manifest[name]  # noqa: B018  (a KeyError means that the file is another program's)
    except (OSError, ValueError, KeyError, TypeError):
        raise Problem(f"{folder} was not prepared: make it with scripts/gpu-check.sh prepare {folder}") from None
    if not (folder / "rectify-gpu.tar.xz").is_file():
        raise Problem(f"{folder} was not prepared completely: it has no rectify-gpu.tar.xz")
    return manifest


def require_commit(manifest, any_commit):
    here = describe_commit(ROOT)
    if here and here != manifest["commit"] and not any_commit:
        raise Problem(
            f"the binaries are of commit {manifest['commit']}, the checkout is {here}: prepare again, or allow it with --any-commit"
        )


def make_out(out):
    try:
        out.mkdir(parents=True, exist_ok=True)
        present = [name for name in FILES if (out / name).exists()]
        with tempfile.TemporaryFile(dir=out):
            pass
        free = shutil.disk_usage(out).free
    except OSError as error:
        raise of_os_error(error, out) from None
    if present:
        raise Problem(f"{out} holds the results of another run ({present[0]}): name an empty folder")
    if free < LEAST_FREE:
        raise Problem(f"{out}: {free >> 20} MiB are free on its disk, fewer than {LEAST_FREE >> 20}")


def unpack(archive, scratch):
    try:
        with tarfile.open(archive) as packed:
            for member in packed.getmembers():
                if not member.isfile() or member.name.startswith("/") or ".." in Path(member.name).parts:
                    raise Problem(f"{archive} holds {member.name}, which prepare does not write")
            packed.extractall(scratch, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    except (tarfile.TarError, lzma.LZMAError, EOFError):
        raise Problem(f"{archive} is damaged: prepare again") from None
    except OSError as error:
        raise of_os_error(error, f"unpacking into {scratch} (set TMPDIR for another place)") from None


def lend_libraries(folder):
    """Uses the OpenMP runtime in the archive on machines that have none; others use their own."""
    binary = next(
        (folder / name for name in ("rectify_tests", "rectify_gpu_tests", "rectify-bench") if (folder / name).exists()), None
    )
    if binary is None or shutil.which("ldd") is None:
        return
    asked = subprocess.run(["ldd", binary], capture_output=True, text=True)
    if "not found" in asked.stdout:
        os.environ["LD_LIBRARY_PATH"] = f"{folder / 'lib'}:{os.environ.get('LD_LIBRARY_PATH', '')}"
        print("some libraries are those of the archive, because this machine lacks them", flush=True)


def command_of(arguments):
    return " ".join(["scripts/gpu-check.sh run DIR OUT", *arguments.part])


def write(path, text):
    try:
        path.write_text(text)
    except OSError as error:
        raise of_os_error(error, path) from None

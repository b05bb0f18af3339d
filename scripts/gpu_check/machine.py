"""The GPU of this machine, and whether binaries can run on it."""

import shutil
import subprocess
from pathlib import Path

from problem import Problem

QUERY = "name,driver_version,compute_cap,memory.total,clocks.max.memory,clocks.max.sm,power.limit"
LEAST_DRIVER = {11: 450, 12: 525, 13: 580}  # least driver version by the major version of the CUDA toolkit


def find_gpu():
    """The properties of the first GPU from nvidia-smi, as a dictionary."""
    if shutil.which("nvidia-smi") is None:
        raise Problem("no nvidia-smi on this machine, so no GPU")
    try:
        asked = subprocess.run(
            ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader"], capture_output=True, text=True, timeout=60
        )
    except subprocess.TimeoutExpired:
        raise Problem("nvidia-smi does not answer within 60 s") from None
    said = asked.stdout.strip().splitlines()
    if asked.returncode != 0 or not said or said[0].count(",") != QUERY.count(","):
        raise Problem("no GPU: nvidia-smi says: " + " ".join((asked.stdout + asked.stderr).split())[:200])
    return dict(zip(QUERY.split(","), (word.strip() for word in said[0].split(","))))


def require_fit(gpu, manifest):
    """Checks that the GPU and its driver can run the binaries. Machine code runs on GPUs of the same major compute capability and
    the same or a higher minor one; a driver supports toolkits up to its own age."""
    major, minor = (int(number) for number in gpu["compute_cap"].split("."))
    if not any(int(known[:-1]) == major and int(known[-1]) <= minor for known in manifest["architectures"]):
        raise Problem(
            f"the binaries are for sm_{', sm_'.join(manifest['architectures'])} and this GPU, {gpu['name']}, is sm_{major}{minor}: "
            f"prepare with --arch {major}{minor}"
        )
    toolkit = manifest["nvcc"]
    least, driver = LEAST_DRIVER.get(int(toolkit.split(".")[0]), 0), gpu["driver_version"]
    if int(driver.split(".")[0]) < least:
        raise Problem(f"driver {driver} is too old for binaries of CUDA {toolkit}, which need {least} or newer")


def describe_commit(folder):
    """The commit of a checkout, with '-dirty' if it was changed; empty if the folder is no checkout or git is missing."""
    try:
        asked = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True
        )
        top = subprocess.run(["git", "-C", str(folder), "rev-parse", "--show-toplevel"], capture_output=True, text=True)
    except OSError:
        return ""
    inside = asked.returncode == 0 and Path(top.stdout.strip() or "/nowhere").resolve() == Path(folder).resolve()
    return asked.stdout.strip() if inside else ""

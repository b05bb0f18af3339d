"""rectify.torch in two processes: DDP, FSDP2 and tensor parallelism train as one process does. A pair of processes runs all
cases of torch_distributed_cases.py on a device, as each takes seconds to import torch; here every case is a test."""

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
if not torch.distributed.is_available():
    pytest.skip("this PyTorch has no torch.distributed", allow_module_level=True)

from torch_distributed_cases import CASES, LOSES_A_PROCESS  # noqa: E402
from torch_distributed_training import FSDP_NEEDS_GPU  # noqa: E402

PROCESSES = 2
PROGRAM = Path(__file__).with_name("torch_distributed_cases.py")
SECONDS = 300  # for all cases together; a case that waits for a lost process ends after a minute
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(torch.cuda.device_count() < PROCESSES, reason="fewer than two GPUs")),
]


@functools.lru_cache(maxsize=None)
def run(device):
    """What failed in each process, by case; and how each process ended."""
    with tempfile.TemporaryDirectory() as folder:
        with open(Path(folder) / "output", "w+") as output:
            command = [sys.executable, str(PROGRAM)]
            processes = [
                subprocess.Popen(
                    [*command, str(rank), str(PROCESSES), device, folder], stdout=output, stderr=output,
                    env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True,
                )
                for rank in range(PROCESSES)
            ]  # fmt: skip
            ended = wait(processes)
            output.seek(0)
            text = output.read()[-2000:]
        files = [Path(folder) / f"results.{rank}" for rank in range(PROCESSES)]
        return [dict(map(json.loads, file.open())) if file.exists() else {} for file in files], f"{ended}\n{text}"


def wait(processes):
    try:
        return [process.wait(SECONDS) for process in processes]
    except subprocess.TimeoutExpired:
        return f"no end within {SECONDS} seconds"
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its children too
            process.wait()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", CASES)
def test_case(name, device):
    if device == "cuda" and name in LOSES_A_PROCESS:
        pytest.skip("NCCL ends the other processes too, after its timeout")
    if device == "cpu" and name.startswith("fsdp") and FSDP_NEEDS_GPU:
        pytest.skip("FSDP2 of this PyTorch needs a GPU")
    results, ended = run(device)
    for rank, failures in enumerate(results):
        failure = failures.get(name, f"the process did not get there; exit codes and output: {ended}")
        assert not failure, f"process {rank}: {failure}"

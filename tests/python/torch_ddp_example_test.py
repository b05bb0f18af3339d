"""examples/train_ddp.py as people call it: in two processes, DDP and FSDP2, and in one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
if not torch.distributed.is_available():
    pytest.skip("this PyTorch has no torch.distributed", allow_module_level=True)

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROGRAM = EXAMPLES / "train_ddp.py"
if not PROGRAM.exists():
    pytest.skip("the examples are not beside the tests", allow_module_level=True)
sys.path.insert(0, str(EXAMPLES))

import train_ddp  # noqa: E402
from torch_distributed_training import FSDP_NEEDS_GPU  # noqa: E402

SMALL = ["--images", "257", "--batch", "16", "--width", "4", "--epochs", "3", "--rate", "0.1"]
needs_two_gpus = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two GPUs")


@pytest.fixture
def run(capsys):
    """Runs the program in this process: its exit code, standard output and errors."""

    def call(*arguments):
        try:
            code = train_ddp.main([*SMALL, "--device", "cpu", *arguments])
        except SystemExit as exit_:
            code = exit_.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def losses(text):
    return [float(loss) for loss in re.findall(r"^epoch \d+: loss (\S+)$", text, re.MULTILINE)]


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_two_gpus)])
@pytest.mark.parametrize("engine", ["DDP", "FSDP2"])
def test_two_processes_train_as_one(run, engine, device):
    """In float64. In float32 an element within rounding of 0 may get the other slope; which one does depends on the CPU."""
    if engine == "FSDP2" and device == "cpu" and FSDP_NEEDS_GPU:
        pytest.skip("FSDP2 of this PyTorch needs a GPU")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    options = ["--dtype", "float64", "--compare", *(["--fsdp"] if engine == "FSDP2" else [])]
    command = [*torchrun, PROGRAM, *SMALL, "--device", device, *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert finished.returncode == 0, finished.stderr
    lines = finished.stdout.splitlines()
    assert lines[0] == f"{engine}, 2 x 8 images in a step, {device}, {'nccl' if device == 'cuda' else 'gloo'}"
    assert len(lines) == 5  # of the first process alone
    assert losses(finished.stdout) == pytest.approx(losses(run("--dtype", "float64")[1]), rel=1e-6)
    assert 0 < float(lines[-1].removeprefix("largest difference from one process: ")) < 1e-12


def test_one_process(run):
    code, out, err = run("--compare")
    assert code == 0 and not err
    assert out.startswith("DDP, 1 x 16 images in a step, cpu, gloo\n")
    first, *_, last = losses(out)
    assert last < 0.8 * first and out.endswith("largest difference from one process: 0\n")


def test_every_epoch_has_another_order(run, monkeypatch):
    monkeypatch.setattr(train_ddp.DistributedSampler, "set_epoch", lambda self, epoch: None)
    same_order = losses(run()[1])
    monkeypatch.undo()
    assert losses(run()[1])[0] == same_order[0] and losses(run()[1])[1:] != same_order[1:]


def test_what_is_wrong_with_the_command(run, monkeypatch, tmp_path):
    code, out, err = run("--data", str(tmp_path))
    assert (code, out) == (1, "") and str(tmp_path / "train-images-idx3-ubyte.gz") in err
    assert run("--batch", "258")[0] == "--batch 258: expected at most 257, the images to train on"
    monkeypatch.setenv("WORLD_SIZE", "3")
    code, out, err = run()
    assert (code, out) == (2, "") and "--batch 16: expected a multiple of 3, the number of processes" in err

"""docs/many-devices.md, the part on PyTorch: its code runs as it is printed in two processes; its error texts are the real ones."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
if not torch.distributed.is_available():
    pytest.skip("this PyTorch has no torch.distributed", allow_module_level=True)

from torch_distributed_training import FSDP_NEEDS_GPU  # noqa: E402

import rectify  # noqa: E402
import rectify.torch.functional as F  # noqa: E402
from rectify.torch import _dtensor  # noqa: E402

PAGE = Path(__file__).resolve().parents[2] / "docs" / "many-devices.md"
if not PAGE.exists():
    pytest.skip("the page is not beside the tests", allow_module_level=True)
TEXT = PAGE.read_text().partition("\n## PyTorch\n")[2].partition("\n## JAX\n")[0]


@pytest.mark.skipif(FSDP_NEEDS_GPU, reason="FSDP2 of this PyTorch needs a GPU")
@pytest.mark.skipif(torch.cuda.is_available(), reason="fully_shard takes the GPU, and this is the code for the CPU")
def test_the_code_runs_as_it_is_printed(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 3
    program = tmp_path / "train.py"
    program.write_text("".join(blocks))
    logs = ["--redirects", "3", "--log-dir", tmp_path]  # a file for each process: on a pipe, parts of lines alternate
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *logs, program]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(torchrun, capture_output=True, text=True, timeout=300, env=environment)
    assert finished.returncode == 0, finished.stderr
    expected = re.findall(r"^print\(.*\)  # (.*)$", "".join(blocks), re.MULTILINE)
    assert len(expected) == 2
    assert [log.read_text().splitlines() for log in tmp_path.rglob("stdout.log")] == [expected] * 2


class DTensor:
    """A tensor that rectify takes for one of torch.distributed.tensor."""


ERRORS = (
    lambda: F.bias_leaky_relu(torch.zeros(2, 5), torch.zeros(4)),
    lambda: _dtensor.require_none([None, None, None, None, DTensor()]),
    lambda: F._plain_otherwise(DTensor(), None, True, "auto", False),
)


@pytest.mark.parametrize("call", ERRORS)
def test_the_texts_are_those_of_the_calls(call):
    with pytest.raises(rectify.Error) as caught:
        call()
    assert f"| `{caught.value}`" in TEXT

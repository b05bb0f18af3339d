"""One of the processes of torch_distributed_test.py: it runs the cases of this file and of torch_dtensor_cases.py, and
writes for each what failed. A case has a process group of its own, so that one that fails does not disturb the next.

    python torch_distributed_cases.py RANK PROCESSES DEVICE FOLDER
"""

import contextlib
import datetime
import json
import os
import sys
import traceback
from pathlib import Path

import torch
import torch.distributed as dist
import torch_dtensor_cases  # noqa: F401
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.func import functional_call
from torch_distributed_training import (
    CASES, ROWS, Slopes, batches, case, compare, ddp, fsdp, loss_of, mesh_of, network, own, raised, require_close,
    require_equal_on_all, tolerance, train, values,
)  # fmt: skip

import rectify
from rectify.torch import BiasLeakyReLU, FusedLeakyReLU, PReLU, replace_activations

LOSES_A_PROCESS = ("ddp_with_different_shapes", "inputs_with_different_channels")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

# --- Training ---------------------------------------------------------------------------------------------------------


@case
def ddp_in_f64(device):
    compare(ddp, device)


@case
def ddp_in_f32(device):
    compare(ddp, device, torch.float32)


@case
def ddp_compiled(device):
    compare(lambda model: torch.compile(ddp(model), backend="aot_eager"), device)


@case
def ddp_with_recomputed_activations(device):
    compare(ddp, device, recompute=True)


@case
def ddp_in_micro_batches(device):
    """Gradients are added up in DDP's buckets, and reduced with the last micro-batch."""

    def backward(model, x, target):
        parts = list(zip(x.chunk(2), target.chunk(2)))
        for part in parts:
            with contextlib.nullcontext() if part is parts[-1] else model.no_sync():
                (loss_of(model, *part) / 2).backward()

    compare(lambda model: ddp(model, gradient_as_bucket_view=True), device, backward=backward)


@case
def fsdp_in_f64(device):
    compare(fsdp, device)


@case
def fsdp_in_f32(device):
    compare(fsdp, device, torch.float32)


@case
def fsdp_with_recomputed_activations(device):
    compare(fsdp, device, recompute=True)


@case
def fsdp_in_micro_batches(device):
    def backward(model, x, target):
        for part in range(2):
            model.set_requires_gradient_sync(part == 1)
            (loss_of(model, x.chunk(2)[part], target.chunk(2)[part]) / 2).backward()

    compare(fsdp, device, backward=backward)


# --- 16 bits under FSDP2 ----------------------------------------------------------------------------------------------


def by_hand(model, data, is_kept):
    """What FSDP2 with param_dtype=bfloat16 computes, in one process: the mean of the f32 gradients of the processes' rows."""

    processes = dist.get_world_size()

    def backward(model, x, target):
        for p in model.parameters():
            p.grad = torch.zeros_like(p)
        for rows in zip(x.chunk(processes), target.chunk(processes)):
            cast = {name: p.detach() for name, p in model.named_parameters()}
            for name, p in cast.items():
                cast[name] = p.to(p.dtype if is_kept(name) else torch.bfloat16).requires_grad_()
            loss = loss_of(lambda part: functional_call(model, cast, part.bfloat16()), *rows)
            for p, gradient in zip(model.parameters(), torch.autograd.grad(loss, list(cast.values()))):
                p.grad += gradient.float() / processes

    return train(model, data, backward)


def compare_bf16(device, wrap, is_kept):
    expected = by_hand(network(device, torch.float32), batches(device, torch.float32), is_kept)
    model = wrap(network(device, torch.float32))
    train(model, ((own(x), own(target)) for x, target in batches(device, torch.float32)))
    require_close(model, expected, ONE_ROUNDING)


ONE_ROUNDING = 1e-4  # of a gradient to 16 bits, times the learning rate: torch 2.15 multiplies matrices in another order
MIXED = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)


@case
def fsdp_in_bf16(device):
    compare_bf16(device, lambda model: fsdp(model, mp_policy=MIXED), lambda name: False)


@case
def fsdp_in_bf16_with_activations_in_f32(device):
    """Parameters of rectify's modules stay f32 beside 16-bit activations, and so do their gradients, the sums."""
    activations = (FusedLeakyReLU, Slopes, BiasLeakyReLU, PReLU)

    def wrap(model):
        for module in model.modules():
            if isinstance(module, activations):
                fully_shard(module, mesh=mesh_of(device), mp_policy=MixedPrecisionPolicy(cast_forward_inputs=False))
        return fsdp(model, mp_policy=MIXED)

    names = [name for name, module in network(device).named_modules() if isinstance(module, activations)]
    compare_bf16(device, wrap, lambda name: name.rpartition(".")[0] in names)


# --- state_dict -------------------------------------------------------------------------------------------------------


def torch_network(device):
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.PReLU(8), nn.LeakyReLU(0.2), nn.Conv2d(8, 5, 3), nn.ReLU6(), nn.Flatten(), nn.Linear(80, 4)
    ).to(device)  # fmt: skip


def check_state_dict(device, wrap, state_of):
    """Activations are replaced before the model is wrapped, and the state is loaded into torch's own modules."""
    model, own_modules = torch_network(device), torch_network(device)
    assert len(replace_activations(model).replaced) == 3
    wrapped = wrap(model)
    train(wrapped, ((own(x), own(target)) for x, target in batches(device, torch.float32)))
    own_modules.load_state_dict(state_of(wrapped), strict=True)
    require_equal_on_all(wrapped)
    assert torch.equal(values(own_modules), values(wrapped))
    assert not torch.equal(values(own_modules), values(torch_network(device)))
    x, _ = next(batches(device, torch.float32))
    assert torch.equal(own_modules(x), wrapped(x))


@case
def ddp_state_dict(device):
    check_state_dict(device, ddp, lambda model: model.module.state_dict())


@case
def fsdp_state_dict(device):
    options = StateDictOptions(full_state_dict=True)
    check_state_dict(device, fsdp, lambda model: get_model_state_dict(model, options=options))


# --- Batches of different sizes, and what goes wrong ------------------------------------------------------------------


@case
def unequal_batches(device):
    """DDP takes the mean of the processes' means. Sums times processes / all rows give the mean over all rows."""
    processes = dist.get_world_size()
    for parts in ([ROWS - 1] + [1] * (processes - 1), [ROWS] + [0] * (processes - 1)):
        parts[0] -= sum(parts) - ROWS

        def mean_of_means(model, x, target):
            sum(loss_of(model, *rows) / processes for rows in zip(x.split(parts), target.split(parts))).backward()

        def weighted(model, x, target):
            ((model(x) - target).square().mean(1).sum() * processes / ROWS).backward()

        data = [(own(x, parts), own(target, parts)) for x, target in batches(device)]
        whole = train(network(device), batches(device))
        require_close(train(ddp(network(device)), data, weighted), whole, tolerance(torch.float64))
        if 0 not in parts:
            model = train(ddp(network(device)), data)
            require_close(model, train(network(device), batches(device), mean_of_means), tolerance(torch.float64))
            assert (values(model) - values(whole)).abs().max() > 1e-4


@case
def ddp_with_different_shapes(device):
    """DDP compares the shapes when it is constructed."""
    text = raised(lambda: ddp(PReLU(4 if dist.get_rank() == 0 else 6).to(device)), RuntimeError)
    assert dist.get_rank() == 0 or "sizes" in text, text


@case
def fsdp_with_different_shapes(device):
    """fully_shard compares nothing, and trains 7 and 8 channels together without an error. The example compares them."""
    if EXAMPLES.exists():
        sys.path.insert(0, str(EXAMPLES))
        from train_ddp import distributed

        channels = 7 + dist.get_rank()
        text = raised(lambda: distributed(nn.Sequential(PReLU(channels)).to(device), device, fsdp=True), RuntimeError)
        assert text.startswith(f"0.weight: expected one shape in all processes, got ({channels},) in process"), text


@case
def inputs_with_different_channels(device):
    """The process with a wrong input has rectify's error. The others end when that process does."""
    model = ddp(FusedLeakyReLU(4).to(device))
    if dist.get_rank() == 1:
        text = raised(lambda: model(torch.randn(2, 5, device=device)), rectify.InvalidArgument)
        assert text == "bias: expected 1 element, or 5, the extent of axis 1, got shape [4]", text
    else:
        raised(lambda: model(torch.randn(2, 4, device=device)).sum().backward(), RuntimeError)


# --- The process ------------------------------------------------------------------------------------------------------


USED = []  # torch 2.6 frees a group of gloo with Python's lock held, for which the group's thread may wait: free none


def run(name, rank, processes, device, folder):
    """Runs a case, and writes what failed; nothing if nothing did."""
    dist.init_process_group(
        "nccl" if device.type == "cuda" else "gloo", init_method=f"file://{folder / name}", rank=rank, world_size=processes,
        timeout=datetime.timedelta(seconds=60),
    )  # fmt: skip
    try:
        CASES[name](device)
        failure = ""
    except Exception:
        failure = traceback.format_exc()
    with open(folder / f"results.{rank}", "a") as results:
        results.write(json.dumps([name, failure]) + "\n")


def run_in_child(*arguments):
    """In a process that ends with the case, as one does after an error, and that shares what was imported."""
    child = os.fork()
    if child == 0:
        run(*arguments)
        os._exit(0)
    os.waitpid(child, 0)


def main(rank, processes, device, folder):
    rank, processes, folder = int(rank), int(processes), Path(folder)
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic = False, True
    if device == "cpu":
        for name in LOSES_A_PROCESS:
            run_in_child(name, rank, processes, torch.device(device), folder)
        device = torch.device(device)
    else:
        device = torch.device(device, rank)
        torch.cuda.set_device(device)
    for name in (name for name in CASES if name not in LOSES_A_PROCESS):
        run(name, rank, processes, device, folder)
        USED.append(dist.group.WORLD)
        dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
    os._exit(0)  # without freeing them

"""Cases of torch_distributed_test.py: tensors that torch.distributed.tensor shards over processes; tensor parallelism."""

import copy

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch_distributed_training import case, fsdp, mesh_of, raised

import rectify
import rectify.torch.functional as F
from rectify.torch import PReLU, replace_activations

PLAIN = (
    F.relu,
    F.relu6,
    lambda x: F.leaky_relu(x, 0.2),
    lambda x: F.leaky_relu(x, 0.2, save="mask"),
    lambda x: F.leaky_relu(x, -0.2),
    lambda x: F.rectify(x, alpha=0.1, threshold=0.2, max_value=1.5, gain=-2.0),
)


def terms(tensor, mesh):
    """2 x and -x: their sum is x, and no function of them is a term of that of x."""
    return DTensor.from_local(tensor * ([2, -1] + [0] * dist.get_world_size())[dist.get_rank()], mesh, [Partial()])


def check_dtensor(function, placement, device):
    """Values and gradients are those of the whole tensor, to the bit."""
    torch.manual_seed(3)
    x, dy = torch.randn(2, 5, 6, device=device)
    mesh, whole = mesh_of(device), x.clone().requires_grad_()
    expected = function(whole)
    leaf = (terms(x, mesh) if placement.is_partial() else distribute_tensor(x, mesh, [placement])).requires_grad_()
    y = function(leaf)
    kept = Replicate() if placement.is_partial() else placement
    assert y.placements == (kept,) and y.shape == x.shape and y.stride() == x.stride()
    assert torch.equal(y.full_tensor(), expected)
    y.backward(distribute_tensor(dy, mesh, [kept]))
    expected.backward(dy)
    assert torch.equal(leaf.grad.full_tensor(), whole.grad)
    with torch.no_grad():
        assert torch.equal(function(leaf).full_tensor(), expected)


@case
def dtensor_with_numbers(device):
    for function in PLAIN:
        for placement in (Shard(0), Shard(1), Replicate(), Partial()):
            check_dtensor(function, placement, device)


@case
def dtensor_compiled(device):
    check_dtensor(torch.compile(PLAIN[2], backend="aot_eager", fullgraph=True), Shard(0), device)


@case
def dtensor_with_tensors(device):
    """Errors with the operand's name, also for a parameter of fully_shard outside of its module's forward."""
    x, bias = torch.randn(4, 6, device=device), torch.zeros(6, device=device)
    mesh = mesh_of(device)
    rows, whole = distribute_tensor(x, mesh, [Shard(0)]), distribute_tensor(bias, mesh, [Replicate()])
    of_fsdp = fsdp(nn.Sequential(PReLU(6)).to(device))[0].weight
    text = "{}: expected a tensor of this process, got a DTensor; x may be one if the other operands are numbers"
    for name, call in {
        "x": lambda: F.fused_leaky_relu(rows, bias),
        "bias": lambda: F.fused_leaky_relu(x, whole),
        "alpha": lambda: F.prelu(x, of_fsdp),
        "residual": lambda: F.rectify(x, residual=rows),
        "out": lambda: F.rectify(x, out=rows),
    }.items():
        assert raised(call, rectify.Unsupported) == text.format(name), name
    with torch.no_grad():
        assert raised(lambda: F.prelu(x, of_fsdp), rectify.Unsupported) == text.format("alpha")
    in_place = raised(lambda: F.relu(rows, inplace=True), rectify.InvalidArgument)
    assert in_place == "inplace: expected False for a DTensor, got True"


@case
def tensor_parallel(device):
    """A layer whose output channels are shared out, an activation, and a layer whose input channels are."""
    for local in (True, False):
        torch.manual_seed(4)
        model = nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.2), nn.Linear(8, 3)).to(device, torch.float64)
        replace_activations(model)
        expected = copy.deepcopy(model)
        plan = {"0": ColwiseParallel(use_local_output=local), "2": RowwiseParallel()}
        parallelize_module(model, mesh_of(device), plan)
        x = torch.randn(4, 6, device=device, dtype=torch.float64)
        for network_ in (model, expected):
            network_(x).square().sum().backward()
        for p, q in zip(model.parameters(), expected.parameters()):
            assert torch.allclose(p.grad.full_tensor(), q.grad, rtol=1e-13, atol=1e-13)

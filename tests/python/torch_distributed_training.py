"""What the cases of torch_distributed_test.py share: a network with rectify's learned parameters, its training under DDP,
under FSDP2 and in one process, and their comparison. A case is a function that every process calls."""

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

import rectify.torch.functional as F
from rectify.torch import BiasLeakyReLU, FusedLeakyReLU, LeakyReLU, PReLU

STEPS, ROWS = 3, 8
FSDP_NEEDS_GPU = not hasattr(torch.cpu.Stream, "record_event")  # torch 2.6
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def raised(call, kinds):
    """The text of the error that a call must have."""
    try:
        call()
    except kinds as error:
        return str(error)
    raise AssertionError("no error")


# --- The network and its training -------------------------------------------------------------------------------------


class Slopes(nn.Module):
    """functional.rectify() with parameters of the module's own."""

    def __init__(self, channels):
        super().__init__()
        self.alpha = nn.Parameter(torch.linspace(0.1, 0.4, channels))
        self.bias = nn.Parameter(torch.linspace(-0.2, 0.2, channels))

    def forward(self, x):
        return F.rectify(x, alpha=self.alpha, bias=self.bias, gain=1.25)


class Network(nn.Sequential):
    """Every way to learn a parameter. 5 and 1 are channels that two processes cannot share evenly."""

    def __init__(self, recompute=False):
        super().__init__(
            nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), FusedLeakyReLU(8)),
            nn.Sequential(nn.Conv2d(8, 5, 3), Slopes(5), LeakyReLU(0.3, save="mask")),
            nn.Sequential(nn.Conv2d(5, 6, 3, bias=False), BiasLeakyReLU(6, 0.1), PReLU(6)),
            nn.Sequential(nn.Flatten(), nn.Linear(24, 4), PReLU()),
        )
        self.recompute = recompute

    def forward(self, x):
        for block in self:
            x = checkpoint(block, x, use_reentrant=False) if self.recompute else block(x)
        return x


def network(device, dtype=torch.float64, **options):
    torch.manual_seed(1)
    return Network(**options).to(device, dtype)


def batches(device, dtype=torch.float64, rows=ROWS):
    generator = torch.Generator().manual_seed(2)
    for _ in range(STEPS):
        x = torch.randn(rows, 3, 8, 8, generator=generator, dtype=torch.float64)
        yield x.to(device, dtype), torch.randn(rows, 4, generator=generator, dtype=torch.float64).to(device, dtype)


def own(tensor, parts=None):
    """The rows of this process."""
    return tensor.split(parts or tensor.shape[0] // dist.get_world_size())[dist.get_rank()]


def loss_of(model, x, target):
    return (model(x) - target).square().mean()


def train(model, data, backward=None):
    """Steps of SGD with momentum. backward(model, x, target) computes the gradients of a batch."""
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    for x, target in data:
        optimizer.zero_grad()
        (backward or (lambda *batch: loss_of(*batch).backward()))(model, x, target)
        optimizer.step()
    return model


def values(model):
    """All parameters in one tensor, also those that the processes share out."""
    parameters = (p.full_tensor() if isinstance(p, DTensor) else p for p in model.parameters())
    return torch.cat([p.detach().flatten() for p in parameters])


def require_equal_on_all(model):
    mine = values(model).contiguous()
    all_of_them = [torch.empty_like(mine) for _ in range(dist.get_world_size())]
    dist.all_gather(all_of_them, mine)
    for theirs in all_of_them:
        assert torch.equal(theirs, mine), "the processes have different parameters"


def require_close(model, expected, tolerance):
    require_equal_on_all(model)
    before = network(device_of(expected), next(expected.parameters()).dtype)
    for p, q in zip(expected.parameters(), before.parameters()):
        assert (p != q).any(), "a parameter was not trained"
    difference = (values(model) - values(expected)).abs().max().item()
    assert difference <= tolerance, f"differs by {difference:.3g} from one process, more than {tolerance:.3g}"


def device_of(model):
    return next(model.parameters()).device


def tolerance(dtype):
    """A step rounds a parameter, which is below 1, by half an eps. The sums over the batch, which are added in another
    order and multiplied by the rate of 0.1, differ by less than that."""
    return 2 * STEPS * torch.finfo(dtype).eps


def compare(wrap, device, dtype=torch.float64, backward=None, **options):
    expected = train(network(device, dtype), batches(device, dtype))
    model = wrap(network(device, dtype, **options))
    train(model, ((own(x), own(target)) for x, target in batches(device, dtype)), backward)
    require_close(model, expected, tolerance(dtype))


def ddp(model, **options):
    device = device_of(model)
    return DistributedDataParallel(model, [device] if device.type == "cuda" else None, **options)


def mesh_of(device):
    return init_device_mesh(device.type, (dist.get_world_size(),))


def fsdp(model, **options):
    mesh = mesh_of(device_of(model))
    for block in model:
        fully_shard(block, mesh=mesh, **options)
    return fully_shard(model, mesh=mesh, **options)

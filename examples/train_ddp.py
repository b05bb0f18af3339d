"""Trains a convolutional network in several processes, each with its share of every batch: DDP, or FSDP2 with --fsdp.

    torchrun --nproc-per-node 2 examples/train_ddp.py --compare            # seconds on two cores
    torchrun --nproc-per-node 2 examples/train_ddp.py --compare --fsdp
    python examples/train_ddp.py                                           # one process

Each process has a GPU of its own and NCCL, or the CPU and gloo if there are too few GPUs. The first process prints the
mean loss of each epoch. --compare then trains the same network in that process alone, on the same batches, and prints
the largest difference of a parameter. In float32 that grows when rounding gives an element near 0 the other slope; with
--dtype float64 it stays near 1e-14.

The images are made here, from the seed, or are those of --data FOLDER in MNIST's format (training/idx.py).
"""

import argparse
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset
from training.idx import DataError, Images, read_images

from rectify.torch import BiasLeakyReLU, FusedLeakyReLU, PReLU

# --- The network: every activation has something to learn, a slope or a bias per channel ------------------------------


class Unit(nn.Sequential):
    """A norm of groups, not of batches: its result does not depend on how a batch is shared out."""

    def __init__(self, inputs: int, outputs: int, activation: nn.Module):
        convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        super().__init__(convolution, nn.GroupNorm(2, outputs), activation)


class Network(nn.Sequential):
    def __init__(self, width: int):
        super().__init__(
            nn.Sequential(nn.Conv2d(1, width, 3, padding=1, bias=False), FusedLeakyReLU(width)),
            Unit(width, 2 * width, PReLU(2 * width)),
            Unit(2 * width, 4 * width, PReLU(4 * width)),
            nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 32, bias=False), BiasLeakyReLU(32, 0.1)),
            nn.Linear(32, 10),
        )  # fmt: skip


def synthetic_images(count: int, seed: int) -> Images:
    """Images that a network can learn: the label tells how broad the bright square is."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 10, (count,), generator=generator)
    pixels = torch.randint(0, 64, (count, 1, 16, 16), generator=generator)
    for image, size in zip(pixels, (labels + 3).tolist()):
        row, column = torch.randint(0, 17 - size, (2,), generator=generator).tolist()
        image[0, row : row + size, column : column + size] += 128
    return Images(pixels.to(torch.uint8), labels)


# --- Processes --------------------------------------------------------------------------------------------------------


def start(wanted: str) -> torch.device:
    """The process group that torchrun describes, or one of this process alone; and the device of this process."""
    local, of = int(os.environ.get("LOCAL_RANK", 0)), int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    if wanted == "cuda" or (wanted == "auto" and torch.cuda.device_count() >= of):
        device, backend = torch.device("cuda", local), "nccl"
        torch.cuda.set_device(device)
    else:
        device, backend = torch.device("cpu"), "gloo"
    if "RANK" in os.environ:
        dist.init_process_group(backend)
    else:
        dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    return device


def require_same_shapes(model: nn.Module) -> None:
    """DDP compares the parameters of all processes. fully_shard does not, and may train parts that do not belong together."""
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    of_all: list = [None] * dist.get_world_size()
    dist.all_gather_object(of_all, shapes)
    for rank, others in enumerate(of_all):
        for name in shapes.keys() | others.keys():
            if shapes.get(name) != others.get(name):
                raise RuntimeError(f"{name}: expected one shape in all processes, got {shapes.get(name)} in process "
                                   f"{dist.get_rank()} and {others.get(name)} in process {rank}")  # fmt: skip


def distributed(model: nn.Module, device: torch.device, fsdp: bool) -> nn.Module:
    if not fsdp:
        return DistributedDataParallel(model, [device] if device.type == "cuda" else None)
    require_same_shapes(model)
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    for unit in model.children():
        fully_shard(unit, mesh=mesh)
    return fully_shard(model, mesh=mesh)


# --- The training -----------------------------------------------------------------------------------------------------


def train(model: nn.Module, images: Images, device: torch.device, rank: int, processes: int, args):
    """Yields the mean loss of each epoch over this process's batches, which with those of the others are args.batch images."""
    data = TensorDataset(images.pixels, images.labels)
    sampler = DistributedSampler(data, processes, rank, seed=args.seed, drop_last=True)
    loader = DataLoader(data, args.batch // processes, sampler=sampler, drop_last=True)
    optimizer = torch.optim.SGD(model.parameters(), args.rate, momentum=0.9)
    for epoch in range(args.epochs):
        sampler.set_epoch(epoch)  # otherwise every epoch has the same order
        total = torch.zeros((), device=device)
        for pixels, labels in loader:
            logits = model((pixels.to(device, getattr(torch, args.dtype)) - 72.9) / 90)
            loss = nn.functional.cross_entropy(logits, labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach()
        yield total / len(loader)


def largest_difference(state: dict, other: dict) -> float:
    return max((tensor.cpu() - other[name].cpu()).abs().max().item() for name, tensor in state.items())


def train_everywhere(images: Images, device: torch.device, args) -> None:
    rank, processes = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(args.seed)  # every process starts with the same parameters
    model = distributed(Network(args.width).to(device, getattr(torch, args.dtype)), device, args.fsdp)
    if rank == 0:
        name = "FSDP2" if args.fsdp else "DDP"
        print(f"{name}, {processes} x {args.batch // processes} images in a step, {device.type}, {dist.get_backend()}")
    for epoch, loss in enumerate(train(model, images, device, rank, processes, args), 1):
        dist.all_reduce(loss)
        if rank == 0:
            print(f"epoch {epoch}: loss {loss.item() / processes:.6f}", flush=True)
    state = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    if args.compare and rank == 0:
        torch.manual_seed(args.seed)
        alone = Network(args.width).to(device, getattr(torch, args.dtype))
        for _ in train(alone, images, device, 0, 1, args):
            pass
        print(f"largest difference from one process: {largest_difference(alone.state_dict(), state):.2g}", flush=True)
    dist.barrier()  # a process that ends while another one still sends may abort


# --- The command line -------------------------------------------------------------------------------------------------


def parsed(argv) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--fsdp", action="store_true", help="FSDP2: the processes share out parameters and optimizer; otherwise DDP")
    add("--compare", action="store_true", help="train in one process too, and print the largest difference")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: cuda if there is a GPU per process")
    add("--dtype", choices=("float32", "float64"), default="float32", help="of images and parameters (float32)")
    add("--data", type=Path, metavar="FOLDER", help="of MNIST's or Fashion-MNIST's files; otherwise images are made")
    add("--images", type=int, default=2048, help="images to train on (2048)")
    add("--epochs", type=int, default=3, help="passes over the images (3)")
    add("--batch", type=int, default=64, help="images in a step, of all processes together (64)")
    add("--width", type=int, default=8, help="channels of the first layer (8)")
    add("--rate", type=float, default=0.05, help="of SGD (0.05)")
    add("--seed", type=int, default=0, help="of weights, images and their order (0)")
    args = parser.parse_args(argv)
    processes = int(os.environ.get("WORLD_SIZE", 1))
    if args.batch < 1 or args.batch % processes:
        parser.error(f"--batch {args.batch}: expected a multiple of {processes}, the number of processes")
    if min(args.epochs, args.width) < 1:
        parser.error("--epochs and --width: expected numbers of at least 1")
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch finds no GPU")
    return args


def main(argv=None) -> int:
    args = parsed(argv)
    try:
        images = read_images(args.data, "train") if args.data else synthetic_images(args.images, args.seed)
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    images = images.part(slice(args.images))
    if len(images.labels) < args.batch:
        sys.exit(f"--batch {args.batch}: expected at most {len(images.labels)}, the images to train on")
    device = start(args.device)
    try:
        train_everywhere(images, device, args)
    finally:
        dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())

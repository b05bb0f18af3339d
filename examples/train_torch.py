"""Trains a convolutional network on Fashion-MNIST with torch's own activations, and the same network after one line,

    replace_activations(model)

and prints for both the loss, the accuracy, the time of a step, and the memory. The third column is save="mask".

    python examples/train_torch.py                                          # about half a minute on two cores
    python examples/train_torch.py --device cuda --amp --batch 512
    python examples/train_torch.py --alphas 0,0.01,0.1,0.2,0.3,learned --folds 5        # which alpha?

The images are those of Debian's package dataset-fashion-mnist, or of any --data FOLDER in MNIST's format. The same
--seed gives the same result on the same machine with as many threads. The folder training has its parts.
"""

import argparse
import copy
import json
import sys
import time
from pathlib import Path

import torch
from torch import nn
from training import choose_alpha, comparison
from training.choose_alpha import LEARNED, Score
from training.idx import DEFAULT_FOLDER, DataError, Images, read_images

import rectify
from rectify.torch import replace_activations

# --- The network: convolution, norm and activation, as in Darknet and YOLO, where leaky ReLU is at home ---------------


class Unit(nn.Sequential):
    """The next convolution keeps the activation's y for its own backward: y costs nothing more, a mask 1/32 of it."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int, activation: nn.Module):
        convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(outputs), copy.deepcopy(activation))


class Residual(nn.Module):
    """x + unit(unit(x)). A sum keeps nothing, so the second y is kept for its activation alone: here a mask pays."""

    def __init__(self, channels: int, activation: nn.Module):
        super().__init__()
        self.units = nn.Sequential(
            Unit(channels, channels // 2, 1, 1, activation), Unit(channels // 2, channels, 3, 1, activation)
        )

    def forward(self, x):
        return x + self.units(x)


class Network(nn.Sequential):
    def __init__(self, width: int, activation: nn.Module):
        super().__init__(
            Unit(1, width, 3, 1, activation), Unit(width, 2 * width, 3, 2, activation), Residual(2 * width, activation),
            Unit(2 * width, 4 * width, 3, 2, activation), Residual(4 * width, activation),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, 10),
        )  # fmt: skip


# --- A training -------------------------------------------------------------------------------------------------------


class Training:
    """A model with its optimizer, and what its steps took."""

    def __init__(self, model: nn.Module, steps: int, args):
        self.model, self.args = model.to(args.device), args
        self.optimizer = torch.optim.SGD(model.parameters(), args.rate, momentum=0.9, nesterov=True)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: 1 - min(step / steps, 1))
        self.scaler = torch.amp.GradScaler(args.device.type, enabled=args.amp == torch.float16)
        self.losses: list[float] = []
        self.milliseconds: list[float] = []

    def logits(self, images: Images) -> torch.Tensor:
        with torch.autocast(self.args.device.type, self.args.amp, enabled=self.args.amp is not None):
            return self.model((images.pixels.float() - 72.9) / 90)  # mean and deviation of Fashion-MNIST's pixels

    def loss(self, images: Images, reduction: str = "mean") -> torch.Tensor:
        return nn.functional.cross_entropy(self.logits(images).float(), images.labels, reduction=reduction)

    def step(self, images: Images) -> None:
        begin = self._clock()
        self.optimizer.zero_grad()
        loss = self.loss(images)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.milliseconds.append(1e3 * (self._clock() - begin))
        self.schedule.step()
        self.losses.append(loss.item())

    def _clock(self) -> float:
        if self.args.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    @torch.no_grad()
    def score(self, images: Images) -> Score:
        """Accuracy and loss on images that it was not trained on."""
        self.model.eval()
        hits = loss = 0.0
        for rows in torch.arange(len(images.labels)).split(1000):
            part = images.part(rows)
            logits = self.logits(part).float()
            hits += (logits.argmax(1) == part.labels).sum().item()
            loss += nn.functional.cross_entropy(logits, part.labels, reduction="sum").item()
        self.model.train()
        alphas = [module.weight.mean().item() for module in self.model.modules() if isinstance(module, nn.PReLU)]
        return Score(hits / len(images.labels), loss / len(images.labels), alphas)

    def kept_for_backward(self, images: Images) -> int:
        """The bytes that autograd keeps for backward, parameters aside; tensors that share memory count once."""
        parameters = {parameter.untyped_storage().data_ptr() for parameter in self.model.parameters()}
        kept = {}

        def keep(tensor):
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage  # holds it too, so that its address is not given to another
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            self.loss(images)
        return sum(storage.nbytes() for address, storage in kept.items() if address not in parameters)

    def peak_on_gpu(self, images: Images) -> int:
        """The most bytes that a forward and backward pass allocates at a time, beside what is there before."""
        self.optimizer.zero_grad()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        self.loss(images).backward()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before


def batches(count: int, size: int, seed: int):
    """The rows of the batches of an epoch; those that do not fill a batch are left out."""
    rows = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return rows[: count - count % size].split(size)


# --- The same network three times -------------------------------------------------------------------------------------


def compare(train: Images, test: Images, args) -> dict:
    """Trains the three in turns, so that what else the machine does slows all of them alike."""
    torch.manual_seed(args.seed)
    own = Network(args.width, nn.LeakyReLU(args.alpha))
    ours, masked = copy.deepcopy(own), copy.deepcopy(own)
    print(f"replace_activations(model): {replace_activations(ours)}\n")  # the one line
    replace_activations(masked, save="mask")

    steps = args.epochs * (len(train.labels) // args.batch)
    models = {"torch.nn": own, "rectify": ours, "rectify, mask": masked}
    trainings = {name: Training(model, steps, args) for name, model in models.items()}
    comparison.print_row("loss of epoch", trainings)
    for epoch in range(args.epochs):
        train_epoch(list(trainings.values()), train, args.seed + epoch, args.batch)
        part = slice(epoch * steps // args.epochs, None)
        means = (sum(training.losses[part]) / len(training.losses[part]) for training in trainings.values())
        comparison.print_row(f"{epoch + 1}", [f"{mean:.6f}" for mean in means])
    return {name: measure(training, train, test, args) for name, training in trainings.items()}


def train_epoch(trainings: list[Training], images: Images, seed: int, size: int) -> None:
    for turn, rows in enumerate(batches(len(images.labels), size, seed)):
        batch = images.part(rows)
        first = turn % len(trainings)
        for training in trainings[first:] + trainings[:first]:
            training.step(batch)


def measure(training: Training, train: Images, test: Images, args) -> dict:
    batch = train.part(slice(args.batch))
    score = training.score(test)
    return {
        "losses": training.losses,
        "accuracy": score.accuracy,
        "milliseconds": training.milliseconds,
        "kept_bytes": training.kept_for_backward(batch),
        "peak_bytes": training.peak_on_gpu(batch) if args.device.type == "cuda" else None,
    }


# --- Which alpha ------------------------------------------------------------------------------------------------------


def choose(images: Images, args) -> dict:
    def train(alpha: str, rows: torch.Tensor, test_rows: torch.Tensor, seed: int) -> Score:
        torch.manual_seed(seed)
        model = Network(args.width, nn.PReLU(init=0.25) if alpha == LEARNED else nn.LeakyReLU(float(alpha)))
        replace_activations(model)
        training = Training(model, args.epochs * (len(rows) // args.batch), args)
        for epoch in range(args.epochs):
            train_epoch([training], images.part(rows), seed + epoch, args.batch)
        return training.score(images.part(test_rows))

    return choose_alpha.cross_validate(train, args.alphas, len(images.labels), args.folds, args.seeds, args.seed)


# --- The command line -------------------------------------------------------------------------------------------------


def number(kind, low, high=float("inf")):
    def parse(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            limit = f"from {low} to {high}" if high < float("inf") else f"of at least {low}"
            raise argparse.ArgumentTypeError(f"expected a number {limit}, got {text}")
        return value

    return parse


def alphas_of(text: str) -> list[str]:
    try:
        return choose_alpha.names(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'expected different numbers, or "learned", with commas, got {text}') from None


def options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--data", type=Path, default=DEFAULT_FOLDER, metavar="FOLDER", help="of Fashion-MNIST's or MNIST's four files")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: cuda if torch finds a GPU")
    add("--amp", nargs="?", const="auto", choices=("auto", "bf16", "f16"), help="auto: bf16 on a CPU, f16 on a GPU")
    add("--alpha", type=number(float, -100, 100), default=0.01, help="negative_slope of nn.LeakyReLU (0.01)")
    add("--alphas", type=alphas_of, metavar="A,B,...", help='cross-validate these, numbers or "learned", instead')
    add("--folds", type=number(int, 2), default=5, help="of the cross-validation (5)")
    add("--seeds", type=number(int, 1), default=1, help="trainings of each fold and alpha (1)")
    add("--images", type=number(int, 20), help="from the start of the file (6400; with --alphas 3000)")
    add("--epochs", type=number(int, 1), default=2, help="passes over the images (2)")
    add("--batch", type=number(int, 2), default=64, help="images in a step (64)")
    add("--width", type=number(int, 2), default=8, help="channels of the first layer (8)")
    add("--rate", type=number(float, 1e-9, 100), default=0.05, help="of the first step; it falls linearly to 0 (0.05)")
    add("--seed", type=number(int, 0, 2**53), default=0, help="of weights, batches and folds (0)")
    add("--json", type=Path, metavar="FILE", help="write all figures to this file")


def parsed(parser: argparse.ArgumentParser, argv) -> argparse.Namespace:
    args = parser.parse_args(argv)
    found = "cuda" if torch.cuda.is_available() else "cpu"
    if args.device == "cuda" and found == "cpu":
        parser.error("--device cuda: torch finds no GPU")
    if args.json and not args.json.absolute().parent.is_dir():
        parser.error(f"--json {args.json}: there is no such folder")
    args.device = torch.device(found if args.device == "auto" else args.device)
    if args.amp:
        is_half = args.amp == "f16" or (args.amp == "auto" and args.device.type == "cuda")
        args.amp = torch.float16 if is_half else torch.bfloat16
    args.images = args.images or (3000 if args.alphas else 6400)
    return args


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options(parser)
    args = parsed(parser, argv)
    torch.backends.cudnn.deterministic = True
    try:
        train = read_images(args.data, "train").part(slice(args.images)).to(args.device)
        test = None if args.alphas else read_images(args.data, "t10k").to(args.device)
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    fewest = len(train.labels) // args.folds * (args.folds - 1) if args.alphas else len(train.labels)
    if fewest < args.batch:
        parser.error(f"--batch {args.batch}: expected at most {fewest}, the images to train on")
    run = describe(args, len(train.labels))
    print("\n".join(f"{key}: {value}" for key, value in run.items()), end="\n\n")
    if args.alphas:
        run["alphas"] = choose(train, args)
        print(choose_alpha.report(run["alphas"]))
    else:
        run["models"] = compare(train, test, args)
        comparison.report(run["models"])
    if args.json:
        args.json.write_text(json.dumps(run, indent=1) + "\n")
    return 0


def describe(args, count: int) -> dict:
    device = torch.cuda.get_device_name() if args.device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    return {
        "versions": f"torch {torch.__version__}, rectify {rectify.__version__}",
        "device": device,
        "dtype": f"{args.amp}, by autocast" if args.amp else "torch.float32",
        "training": f"{count} images in batches of {args.batch}, {args.epochs} epochs, seed {args.seed}",
    }


if __name__ == "__main__":
    sys.exit(main())

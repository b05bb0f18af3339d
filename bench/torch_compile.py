#!/usr/bin/env python3
"""What a training step of small networks costs with torch's activations and with rectify's, eager and under torch.compile.

Usage: bench/torch_compile.py [--device cuda] [--json FILE] [--page docs/pytorch.md]

A step is forward, backward and optimizer. The ways take turns, a step at a time. The table has the medians of all rounds, divided
by that of eager torch: CPU time of the process on one thread, or with --device cuda the time until the GPU has finished. Every way
starts from the same parameters, and its first loss must be that of eager torch. A way that fails, as for want of a compiler, has a
row that says so. --json writes the record, after every network; --page writes the table into the page. `table_of` makes the table
from a record (tests/docs/figures_test.py compares them). Without torch, or with --device cuda without a GPU, it exits with 77.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "scripts"))
import pages  # noqa: E402
from torch_calls import commit, machine_name  # noqa: E402

REGION = "torch-compile"
MADE_BY = "made by bench/torch_compile.py; to change a figure, measure again"
COMMAND = "python bench/torch_compile.py --json bench/results/MACHINE/torch-compile.json --page docs/pytorch.md"
WAYS = ("torch", "rectify", "torch compiled", "rectify compiled", "rectify compiled, mask")
WARM_UP = 3  # steps before the timed ones; the first compiles

# --- The networks -----------------------------------------------------------------------------------------------------------
# Each is a function of nn and the sizes that returns a network of torch's own modules and the shape of its input.


def conv_norm_leaky(nn, large):
    batch, channels, side = (64, 64, 112) if large else (4, 16, 48)
    layers = [nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.LeakyReLU(0.1)]
    for _ in range(2):
        layers += [nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers, nn.Conv2d(channels, 3, 1)), (batch, 3, side, side)


def norm_leaky_residual(nn, large):
    """Many passes over memory and little arithmetic: what fusion is for."""

    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.linear, self.norm, self.activation = nn.Linear(width, width), nn.LayerNorm(width), nn.LeakyReLU(0.1)

        def forward(self, x):
            return x + self.activation(self.norm(self.linear(x)))

    rows, width = (1 << 17, 512) if large else (8192, 64)
    return nn.Sequential(*(Block(width) for _ in range(4)), nn.Linear(width, 8)), (rows, width)


def depthwise_relu6(nn, large):
    """MobileNet's: after an expansion, a convolution of each channel alone."""
    batch, channels, side = (64, 192, 112) if large else (4, 48, 32)
    layers = []
    for groups in (1, channels):
        size = 1 if groups == 1 else 3
        convolution = nn.Conv2d(channels, channels, size, padding=size // 2, groups=groups, bias=False)
        layers += [convolution, nn.BatchNorm2d(channels), nn.ReLU6()]
    return nn.Sequential(*layers, nn.Conv2d(channels, 8, 1)), (batch, channels, side, side)


def bias_leaky_gain(nn, large):
    """StyleGAN2's layers."""
    import torch

    class FusedLeakyReLU(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(channels))

        def forward(self, x):
            return torch.nn.functional.leaky_relu(x + self.bias.reshape(-1, 1, 1), 0.2) * 2**0.5

    batch, channels, side = (16, 64, 256) if large else (4, 16, 48)
    layers = []
    for inputs in (3, channels, channels):
        layers += [nn.Conv2d(inputs, channels, 3, padding=1, bias=False), FusedLeakyReLU(channels)]
    return nn.Sequential(*layers, nn.Conv2d(channels, 3, 1)), (batch, 3, side, side)


def conv_prelu(nn, large):
    batch, channels, side = (16, 64, 256) if large else (4, 16, 48)
    layers = []
    for inputs in (3, channels, channels):
        layers += [nn.Conv2d(inputs, channels, 3, padding=1), nn.PReLU(channels)]
    return nn.Sequential(*layers, nn.Conv2d(channels, 3, 1)), (batch, 3, side, side)


NETWORKS = {
    "convolution, batch norm, leaky_relu": conv_norm_leaky,
    "linear, layer norm, leaky_relu, residual": norm_leaky_residual,
    "1 x 1 and depthwise convolution, batch norm, relu6": depthwise_relu6,
    "convolution, bias, leaky_relu, gain": bias_leaky_gain,
    "convolution, prelu": conv_prelu,
}


def become_rectify(network, save):
    """Replaces the activations, and the composed FusedLeakyReLU by rectify's."""
    import rectify.torch

    rectify.torch.replace_activations(network, save=save)
    for name, module in network.named_children():
        if type(module).__name__ == "FusedLeakyReLU":
            ours = rectify.torch.FusedLeakyReLU(module.bias.numel(), save=save)
            setattr(network, name, ours.to(module.bias.device))


# --- Measuring --------------------------------------------------------------------------------------------------------------


class Trained:
    """A network with its optimizer, made in one of the ways."""

    def __init__(self, make, way, device):
        import torch

        self.torch, self.device = torch, device
        torch.manual_seed(0)
        network, shape = make(torch.nn, device == "cuda")
        self.network = network.to(device)
        self.x = torch.randn(shape).to(device)
        if "rectify" in way:
            become_rectify(network, "mask" if "mask" in way else "auto")
        self.optimizer = torch.optim.SGD(network.parameters(), lr=0.01, foreach=False)
        self.call = torch.compile(network, fullgraph=True, dynamic=False) if "compiled" in way else network

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.call(self.x).square().mean()
        loss.backward()
        self.optimizer.step()
        return loss

    def milliseconds(self):
        clock = time.perf_counter_ns if self.device == "cuda" else time.process_time_ns
        self.synchronize()
        begin = clock()
        self.step()
        self.synchronize()
        return (clock() - begin) / 1e6

    def synchronize(self):
        if self.device == "cuda":
            self.torch.cuda.synchronize()

    def memory(self):
        """Bytes of the step's tensors: on a GPU the most that is allocated at a time, on a CPU what is kept for backward."""
        if self.device == "cuda":
            cuda = self.torch.cuda
            self.optimizer.zero_grad(set_to_none=True)
            cuda.reset_peak_memory_stats()
            before = cuda.memory_allocated()
            self.step()
            self.optimizer.zero_grad(set_to_none=True)
            return cuda.max_memory_allocated() - before
        kept = {}
        own = {p.untyped_storage().data_ptr() for p in (*self.network.parameters(), *self.network.buffers(), self.x)}

        def pack(tensor):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        with self.torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            y = self.call(self.x)
        for tensor in getattr(y.grad_fn, "_tensors_no_vc_check", ()):
            pack(tensor)
        return sum(kept.values())


def prepared(make, device):
    """{way: Trained, or the reason why it does not run}"""
    found, expected = {}, None
    for way in WAYS:
        try:
            trained = Trained(make, way, device)
            loss = trained.step().item()
            for _ in range(WARM_UP - 1):
                trained.step()
        except Exception as error:  # of a compiler, whatever it raises
            found[way] = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            continue
        expected = loss if expected is None else expected
        close = abs(loss - expected) <= 1e-3 * abs(expected)
        found[way] = trained if close else f"its loss is {loss}, not {expected}"
    return found


def rows_of(name, make, device, rounds):
    ways = prepared(make, device)
    running = {way: trained for way, trained in ways.items() if isinstance(trained, Trained)}
    times = {way: [] for way in running}
    for _ in range(rounds):
        for way, trained in running.items():
            times[way].append(trained.milliseconds())
    for way, trained in ways.items():
        if way in running:
            samples = {"median_ms": statistics.median(times[way]), "least_ms": min(times[way])}
            yield {"network": name, "way": way, **samples, "bytes": trained.memory()}
        else:
            yield {"network": name, "way": way, "failed": trained}


def measure(device, rounds, seconds, keep):
    """The record, which keep() is given after every network."""
    import torch
    from torch._functorch import config

    import rectify

    if device == "cpu":
        torch.set_num_threads(1)
    config.enable_autograd_cache = False  # it would find graphs that an earlier rectify made
    record = {
        "schema": "rectify-torch-compile/1", "device": device, "date": str(date.today()), "commit": commit(),
        "machine": torch.cuda.get_device_name() if device == "cuda" else machine_name(), "torch": torch.__version__,
        "python": platform.python_version(), "rectify": rectify.__version__, "rounds": rounds, "rows": [],
    }  # fmt: skip
    begin = time.monotonic()
    for name, make in NETWORKS.items():
        if time.monotonic() - begin < seconds:
            torch.compiler.reset()
            record["rows"] += rows_of(name, make, device, rounds)
            keep(record)
    return record


def why_not(device):
    """Why nothing can be measured on this machine; empty if it can."""
    try:
        import torch
    except ImportError as error:
        return str(error)
    return "PyTorch sees no GPU" if device == "cuda" and not torch.cuda.is_available() else ""


# --- The table --------------------------------------------------------------------------------------------------------------


def table_of(record):
    """The lines of the page's region."""
    on_cpu = record["device"] == "cpu"
    clock = "CPU time on one thread" if on_cpu else "time until the GPU has finished"
    memory = "MB kept between forward and backward" if on_cpu else "MB allocated at the peak, parameters aside"
    text = (
        f"A training step in f32: {clock}, the median of {record['rounds']} interleaved rounds, divided by that of eager torch; in "
        f"parentheses the {memory}. {record['machine']}, torch {record['torch']}, Python {record['python']}, "
        f"commit {record['commit']}, {record['date']}."
    )
    cells = {(row["network"], row["way"]): row for row in record["rows"]}
    names = pages.distinct(row["network"] for row in record["rows"])
    body = [[name, *(cell_of(cells[name, way], cells[name, WAYS[0]]) for way in WAYS)] for name in names]
    return [*pages.paragraph(text), "", "```sh", COMMAND, "```", "", *pages.table(["network", *WAYS], body)]


def cell_of(row, base):
    if "failed" in row:
        return "failed"
    time_text = f"{row['median_ms'] / base['median_ms']:.2f}" if "failed" not in base else f"{row['median_ms']:.2f} ms"
    return f"{time_text} ({row['bytes'] / 1e6:.1f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="the record to write")
    parser.add_argument("--page", type=Path, help="the page whose region is written")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--seconds", type=float, default=600, help="no network is begun after this time")
    options = parser.parse_args()
    reason = why_not(options.device)
    if reason:
        print(reason)
        sys.exit(77)

    def keep(record):
        if options.json:
            options.json.write_text(json.dumps(record, indent=1) + "\n")

    record = measure(options.device, options.rounds, options.seconds, keep)
    if options.page:
        options.page.write_text(pages.filled(options.page.read_text(), REGION, MADE_BY, table_of(record)))
    print("\n".join(table_of(record)))


if __name__ == "__main__":
    main()

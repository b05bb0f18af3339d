#!/usr/bin/env python3
"""Compiled functions of rectify.jax beside what XLA makes of the same in jax.nn, and what either keeps for backward.

Usage: bench/jax_calls.py [--device cuda] [--json FILE] [--page docs/jax.md]

Every function is compiled by jax.jit, compared with the other side's, and timed in turns with all others until its
results are there. The table has the least of all rounds, which the machine's other users disturb least, and the median.
--json writes the record, --page writes the tables into the page. `filled` makes them from a record
(tests/docs/figures_test.py compares them).
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
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "bench")]
import pages  # noqa: E402
from torch_calls import commit, machine_name  # noqa: E402

COMMAND = "bench/jax_calls.py --json bench/results/MACHINE/jax-calls.json --page docs/jax.md"
MADE_BY = f"made by {COMMAND}; to change a figure, measure again"
CASES = (((100, 10), "float32"), ((4096, 1024), "float32"), ((4096, 1024), "bfloat16"))
SMALL = 1000  # elements: so few that the cost of a call counts
FORWARD, BOTH = "forward", "forward and backward"
STEP = "loss and gradients"
SIDES = ("jax.nn", "rectify")
LAYERS, ROWS, WIDTH = 6, 4096, 256  # of the nets whose memory is counted

# --- What is compared -------------------------------------------------------------------------------------------------


def functions(jax):
    """{call: (jax's, rectify's)} of an array, and of one with an element per channel."""
    import rectify.jax as R

    nn, jnp = jax.nn, jax.numpy
    return {
        "relu": (lambda x, p: nn.relu(x), lambda x, p: R.relu(x)),
        "leaky_relu": (lambda x, p: nn.leaky_relu(x, 0.2), lambda x, p: R.leaky_relu(x, 0.2)),
        "bias, leaky_relu, gain": (
            lambda x, p: nn.leaky_relu(x + p, 0.2) * 1.5,
            lambda x, p: R.rectify(x, alpha=0.2, bias=p, gain=1.5),
        ),
        "prelu": (lambda x, p: jnp.where(x > 0, x, p * x), lambda x, p: R.prelu(x, p)),
    }


def contenders(jax):
    found = {}  # {(call, direction, elements, dtype): {who: (compiled function, arguments)}}
    for shape, dtype in CASES:
        keys = jax.random.split(jax.random.key(0), 4)
        x, dy = (jax.random.normal(key, shape).astype(dtype) for key in keys[:2])
        p = jax.numpy.linspace(0.1, 0.3, shape[1]).astype(dtype)
        size = (elements_of(shape), dtype)
        for call, pair in functions(jax).items():
            learned = (0, 1) if call in ("bias, leaky_relu, gain", "prelu") else (0,)
            found[(call, FORWARD, *size)] = {who: (jax.jit(f), (x, p)) for who, f in zip(SIDES, pair)}
            found[(call, BOTH, *size)] = {
                who: (jax.jit(with_gradients(jax, f, learned)), (dy, x, p)) for who, f in zip(SIDES, pair)
            }
        if dtype == "float32":
            pair = functions(jax)["bias, leaky_relu, gain"]
            shapes = (shape[0], 256), (256, shape[1]), (shape[1], 256)
            x, w, v = (jax.random.normal(keys[2], extents) / 16 for extents in shapes)
            for call, loss in losses().items():
                found[(call, STEP, *size)] = {
                    who: (jax.jit(jax.value_and_grad(loss(f), (0, 1, 2))), (w, p, v, x)) for who, f in zip(SIDES, pair)
                }
    return found


def with_gradients(jax, function, learned):
    """y and the gradients with respect to the arguments `learned`."""

    def call(dy, *arguments):
        def of_learned(*values):
            return function(*values, *arguments[len(values) :])

        y, backward = jax.vjp(of_learned, *(arguments[at] for at in learned))
        return y, backward(dy)

    return call


def losses():
    """A layer before something that XLA fuses with it, and before a matrix product, which it does not fuse."""
    return {
        "x @ w, bias, leaky_relu, mean of squares": lambda f: lambda w, p, v, x: (f(x @ w, p) ** 2).mean(),
        "x @ w, bias, leaky_relu, @ v": lambda f: lambda w, p, v, x: ((f(x @ w, p) @ v) ** 2).mean(),
    }


def require_same(jax, key, sides):
    """Nothing that is wrong is timed. In 16 bits only y is compared: some x + bias are 0 there, where the slopes
    differ by definition (docs/semantics.md), and jax.nn's sums are less accurate."""
    import numpy as np

    results = [jax.tree.leaves(f(*arguments)) for f, arguments in sides.values()]
    compared = 1 if key[3] == "bfloat16" else len(results[0])
    for theirs, ours in list(zip(*results))[:compared]:
        rtol, atol = (0.02, 0.02) if key[3] == "bfloat16" else (1e-3, 1e-4)
        pair = (np.asarray(values, "float32") for values in (theirs, ours))
        np.testing.assert_allclose(*pair, rtol, atol, err_msg=str(key))


# --- Time -------------------------------------------------------------------------------------------------------------


def turn(jax, function, arguments, elements):
    """The microseconds of a call: one mean of many short calls, or three of long ones."""
    samples, calls = (1, 50) if elements == SMALL else (3, 1)
    found = []
    for _ in range(samples):
        begin = time.perf_counter()
        for _ in range(calls):
            jax.block_until_ready(function(*arguments))
        found.append((time.perf_counter() - begin) * 1e6 / calls)
    return found


def times(jax, rounds):
    calls = contenders(jax)
    for key, sides in calls.items():
        require_same(jax, key, sides)
    found = {(key, who): [] for key, sides in calls.items() for who in sides}
    for _ in range(rounds):
        for key, sides in calls.items():
            for who, (function, arguments) in sides.items():
                found[key, who] += turn(jax, function, arguments, key[2])
    return [
        {
            "call": key[0], "direction": key[1], "elements": key[2], "dtype": key[3], "who": who,
            "least_us": min(samples), "median_us": statistics.median(samples),
        }
        for (key, who), samples in found.items()
    ]  # fmt: skip


# --- Memory -----------------------------------------------------------------------------------------------------------


def nets(activation):
    def chain(weights, x):
        for w in weights:
            x = activation(x @ w)
        return x.sum()

    def residual(weights, x):
        for w in weights:
            x = x + activation(x @ w)
        return x.sum()

    return {"x = f(x @ w)": chain, "x = x + f(x @ w)": residual}


def memory(jax):
    """The bytes that jax.vjp keeps beside weights and input, and those of the temporaries of a compiled step."""
    import rectify.jax as R

    activations = {
        "jax.nn.leaky_relu": lambda x: jax.nn.leaky_relu(x, 0.2),
        'save="auto"': lambda x: R.leaky_relu(x, 0.2),
        'save="mask"': lambda x: R.leaky_relu(x, 0.2, save="mask"),
    }
    keys = jax.random.split(jax.random.key(1), LAYERS + 1)
    x = jax.random.normal(keys[0], (ROWS, WIDTH))
    weights = [jax.random.normal(key, (WIDTH, WIDTH)) / WIDTH**0.5 for key in keys[1:]]
    rows = []
    for who, activation in activations.items():
        for net, loss in nets(activation).items():
            plan = jax.jit(jax.value_and_grad(loss)).lower(weights, x).compile().memory_analysis()
            kept = kept_bytes(jax, loss, weights, x)
            rows.append({"net": net, "who": who, "kept_bytes": kept, "step_bytes": plan.temp_size_in_bytes})
    return rows


def kept_bytes(jax, loss, weights, x):
    given = {array.unsafe_buffer_pointer() for array in (*weights, x)}
    leaves = jax.tree.leaves(jax.vjp(loss, weights, x)[1])
    kept = {leaf.unsafe_buffer_pointer(): leaf.nbytes for leaf in leaves if isinstance(leaf, jax.Array)}
    return sum(size for address, size in kept.items() if address not in given)


# --- The record and the page ------------------------------------------------------------------------------------------


def measure(rounds, device):
    import jax

    import rectify

    chosen = jax.devices(device)[0]
    with jax.default_device(chosen):
        return {
            "schema": "rectify-jax-calls/1",
            "machine": machine_name() if device == "cpu" else chosen.device_kind,
            "date": str(date.today()),
            "commit": commit(),
            "jax": jax.__version__,
            "python": platform.python_version(),
            "rectify": rectify.__version__,
            "rounds": rounds,
            "rows": times(jax, rounds),
            "memory": memory(jax),
        }


def calls_lines(record):
    small, large = (f"{elements_of(shape):,}" for shape, _ in CASES[:2])
    text = (
        f"The time until the results are there: microseconds for {small} elements, milliseconds for {large}. It is the "
        f"least of {record['rounds']} rounds, with the median in parentheses. Both sides may use all cores. "
        f"{record['machine']}, jax {record['jax']}, Python {record['python']}, commit {record['commit']}, "
        f"{record['date']}."
    )
    names = ("1,000 f32", "4 M f32", "4 M bf16")
    head = ["compiled by jax.jit", "", *(f"{name}: {who}" for name in names for who in SIDES)]
    keys = ("call", "direction", "elements", "dtype", "who")
    cells = {tuple(row[key] for key in keys): row for row in record["rows"]}
    columns = [(elements_of(shape), dtype, who) for shape, dtype in CASES for who in SIDES]
    body = [
        [call, direction, *(cell(cells.get((call, direction, *column))) for column in columns)]
        for call, direction in pages.distinct((row["call"], row["direction"]) for row in record["rows"])
    ]
    return [*pages.paragraph(text), "", *pages.table(head, body)]


def cell(row):
    if row is None:
        return ""
    unit = 1 if row["elements"] == SMALL else 1000
    return f"{row['least_us'] / unit:.1f} ({row['median_us'] / unit:.1f})"


def elements_of(shape):
    return shape[0] * shape[1]


def memory_lines(record):
    text = (
        f"MiB beside weights and input in nets of {LAYERS} layers of {WIDTH} on {ROWS:,} rows of f32, with activations "
        f"of {ROWS * WIDTH * 4 // pages.MIB} MiB each: what jax.vjp keeps, and in parentheses what XLA plans for the "
        "temporaries of the whole step under jit."
    )
    cells = {(row["who"], row["net"]): row for row in record["memory"]}
    names = pages.distinct(row["net"] for row in record["memory"])
    body = [
        [f"`{who}`", *(memory_cell(cells[who, net]) for net in names)]
        for who in pages.distinct(row["who"] for row in record["memory"])
    ]
    return [*pages.paragraph(text), "", *pages.table(["", *(f"`{name}`" for name in names)], body)]


def memory_cell(row):
    return f"{row['kept_bytes'] / pages.MIB:.1f} ({row['step_bytes'] / pages.MIB:.1f})"


REGIONS = {"jax-calls": calls_lines, "jax-memory": memory_lines}


def filled(page, record):
    """The text of the page with both tables of a record."""
    for region, lines in REGIONS.items():
        page = pages.filled(page, region, MADE_BY, lines(record))
    return page


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--json", type=Path, help="the record to write")
    parser.add_argument("--page", type=Path, help="the page whose regions are written")
    parser.add_argument("--rounds", type=int, default=41)
    options = parser.parse_args()
    record = measure(options.rounds, options.device)
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    if options.page:
        options.page.write_text(filled(options.page.read_text(), record))
    print("\n".join([*calls_lines(record), "", *memory_lines(record)]))


if __name__ == "__main__":
    main()

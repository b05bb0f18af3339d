#!/usr/bin/env python3
"""SAMPLE records of rectify-bench, for the tests of scripts that read records. No figure in them was measured.

Usage: tests/bench/sample.py FOLDER     writes ops.json, peers-hot.json, peers-cold.json, sizes.json and small.json
"""

import functools
import json
import sys
import zlib
from pathlib import Path

KIB, MIB = 1 << 10, 1 << 20
SIZE = {"f32": 4, "bf16": 2}
# op: tensors that it moves, bits of a mask per element, layout
OPS = {
    "forward": (2, 0, "[n]"),
    "backward": (3, 0, "[n]"),
    "forward_mask": (2, 1, "[n]"),
    "backward_mask": (2, 1, "[n]"),
    "bias_forward": (2, 0, "[n, 1024]"),
    "bias_forward_nchw": (2, 0, "[n, 64, 28, 28]"),
    "bias_backward": (3, 0, "[n, 1024]"),
    "residual_forward": (3, 0, "[n]"),
    "residual_backward_mask": (3, 1, "[n]"),
    "scale_bias_forward": (2, 0, "[n, 1024]"),
    "prelu_forward": (2, 0, "[n, 1024]"),
    "prelu_backward": (3, 0, "[n, 1024]"),
    "models_forward": (9 / 8, 0, "[8, n]"),
    "bias_backward_dbias": (3, 0, "[n, 1024]"),
    "bias_backward_dbias_nchw": (3, 0, "[n, 64, 28, 28]"),
    "bias_backward_dbias_mask": (2, 1, "[n, 1024]"),
    "scale_bias_backward": (3, 0, "[n, 1024]"),
    "prelu_backward_dalpha": (3, 0, "[n, 1024]"),
    "all_sums": (3, 0, "[n, 1024]"),
    "bias_gain_forward": (2, 0, "[n, 1024]"),
    "bias_gain_backward_y": (3, 0, "[n, 1024]"),
    "accumulate_dbias": (3, 0, "[n, 1024]"),
}
PEERS = {
    "loop": OPS,
    "Eigen": ("forward", "backward", "bias_forward", "bias_backward_dbias", "residual_forward", "scale_bias_forward"),
    "oneDNN": ("forward", "backward", "prelu_forward"),
    "PyTorch": [op for op in OPS if op != "models_forward"],
}


def chance(low, high, *key):
    """A number that depends on the key alone."""
    return low + (high - low) * (zlib.crc32(repr(key).encode()) % 1000) / 999


def machine():
    return {
        "device": "cpu",
        "name": "SAMPLE EPYC",
        "cores": 2,
        "threads": 2,
        "affinity": "0-1",
        "instruction_set": "avx2",
        "caches": {"L1d": 32 * KIB, "L2": 512 * KIB, "L3": 32 * MIB},
        "memory": 24e9,
        "omp_wait_policy": "passive",
        "load": 0.2,
        "version": "0.2.0",
        "commit": "0123456789ab",
        "compiler": "GNU 12.2.0",
        "cuda": "",
        "peers": {"oneDNN": "2.6.0", "Eigen": "3.4.0", "PyTorch": "2.11.0"},
    }


def record(command, rows):
    return {
        "schema": "rectify-bench/3",
        "complete": True,
        "command": "rectify-bench run " + command,
        "date": "2026-11-28T01:02:03Z",
        "seconds": 75.3,
        "machine": machine(),
        "settings": {"samples": 11, "seconds": 1.0, "noise": 0.01, "cold_bytes": 64 * MIB},
        "rows": rows,
    }


def copy_us(moved, mode):
    """The time of the fastest copy: a call takes 0.15 us, and the more memory it touches, the slower its cache is."""
    rate = 38.0 if mode == "cold" or moved > 32 * MIB else 95.0 if moved > 1 * MIB else 160.0
    return 0.15 + moved / rate / 1e3


def case(op, dtype, tensor_bytes, mode, peers=()):
    tensors, mask_bits, layout = OPS[op]
    elements = tensor_bytes // SIZE[dtype]
    base = {
        "op": op,
        "dtype": dtype,
        "layout": layout,
        "shape": f"[{elements}]",
        "elements": elements,
        "tensor_bytes": tensor_bytes,
        "alpha": 0.01,
        "threshold": 0,
        "max_value": None,
        "inplace": False,
        "misalign": 0,
        "mode": mode,
    }
    moved = round(elements * (tensors * SIZE[dtype] + mask_bits / 8))
    best = copy_us(moved, mode)
    us = best / chance(0.8 if mode == "cold" else 0.4, 1.0, op, dtype, mode) + 0.1
    shared = {"bytes": moved, "ceiling": "streaming copy", "ceiling_us": best}

    def timed(who, time, **more):
        spread = chance(0.002, 0.03, who, op, dtype, tensor_bytes)
        samples = [time * (1 + spread * (at - 5) / 8) for at in range(11)]
        figures = {"us": time, "us_p10": samples[1], "us_p90": samples[9], "us_min": samples[0], "us_max": samples[10]}
        figures.update(us_samples=samples, calls=9, gbps=moved / time / 1e3, of_ceiling=best / time, noise=spread)
        return {**base, "who": who, "checked": True, **shared, **figures, **more, "repro": f"rectify-bench run --op {op}"}

    yield timed("streaming copy", best, is_ceiling=True, checked=False, vs_rectify=best / us)
    yield timed("plain copy", best * 1.2, is_ceiling=True, checked=False, vs_rectify=best * 1.2 / us)
    yield timed("rectify", us)
    for who in peers:
        ratio = chance(0.7, 2.6, who, op, dtype, mode) if mode == "cold" else chance(0.5, 4, who, op, dtype, mode)
        if op in PEERS[who]:
            time = max(best, us * ratio) + {"PyTorch": 2.0, "oneDNN": 0.8}.get(who, 0)
            yield timed(who, time, vs_rectify=time / us, how=f"{who}'s {op}")
        else:
            yield {**base, "who": who, "absent": f"{who} has no such op"}


def cases(ops, dtypes, sizes, mode, peers=()):
    return [row for op in ops for dtype in dtypes for size in sizes for row in case(op, dtype, size, mode, peers)]


def records():
    """Name of a file -> its data."""
    plain, both, fused = ("forward", "backward"), ("f32", "bf16"), [op for op in OPS if op not in ("forward", "backward")]
    short = cases(plain, both, (256 * MIB,), "cold") + cases(fused, ("f32",), (64 * MIB,), "cold")
    sizes, tiny = [4 * KIB * 4**at for at in range(9)], [256 * 4**at for at in range(6)]
    return {
        "ops.json": record("--short", short),
        "peers-hot.json": record("--hot --min 1M --max 1M", cases(OPS, both, (1 * MIB,), "hot", PEERS)),
        "peers-cold.json": record("--cold --min 64M --max 64M", cases(OPS, both, (64 * MIB,), "cold", PEERS)),
        "sizes.json": record("--hot --min 4K --max 256M", cases((*plain, "bias_backward_dbias"), both, sizes, "hot")),
        "small.json": record("--hot --min 256 --max 256K", cases((*plain, "bias_forward"), ("f32",), tiny, "hot", PEERS)),
    }


@functools.lru_cache
def texts():
    return {name: json.dumps(data) + "\n" for name, data in records().items()}


def write(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(Path(sys.argv[1]))

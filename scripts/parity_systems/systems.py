"""The systems that are compared. Each runs in its own process, so that libraries, thread pools and rounding modes stay apart."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from problem import Problem

# name -> module, its argument, packages that must be installed
SYSTEMS = {
    "torch": ("of_torch", "", ["torch"]),
    "jax": ("of_jax", "both", ["jax", "ml_dtypes"]),
    "tensorflow": ("of_tensorflow", "eager", ["tensorflow", "ml_dtypes"]),
    "tensorflow, XLA": ("of_tensorflow", "xla", ["tensorflow", "ml_dtypes"]),
    "keras on tensorflow": ("of_keras", "tensorflow", ["keras", "tensorflow", "ml_dtypes"]),
    "keras on jax": ("of_keras", "jax", ["keras", "jax", "ml_dtypes"]),
    "keras on torch": ("of_keras", "torch", ["keras", "torch"]),
    "keras 2": ("of_keras", "old", ["tf_keras", "tensorflow", "ml_dtypes"]),
    "onnxruntime": ("of_onnx", "runtime", ["onnxruntime", "onnx", "ml_dtypes"]),
    "onnx.reference": ("of_onnx", "reference", ["onnx", "ml_dtypes"]),
}
CPU_ONLY = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
MINUTES = 15


def installed(names):
    return [name for name in names if all(importlib.util.find_spec(module) for module in SYSTEMS[name][2])]


def observe(name, library):
    """Runs observe.py for a system and returns its observations."""
    module, argument, _ = SYSTEMS[name]
    backend = argument if module == "of_keras" and argument != "old" else "tensorflow"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "seen.json"
        command = [sys.executable, "-B", str(Path(__file__).with_name("worker.py")), module, argument, str(library), str(out)]
        try:
            done = subprocess.run(
                command, env={**os.environ, **CPU_ONLY, "KERAS_BACKEND": backend}, capture_output=True, text=True, timeout=60 * MINUTES
            )
        except subprocess.TimeoutExpired:
            raise Problem(f"{name}: not finished after {MINUTES} minutes") from None
        if done.returncode or not out.exists():
            last = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
            raise Problem(f"{name} could not be run: {last}")
        return json.loads(out.read_text())

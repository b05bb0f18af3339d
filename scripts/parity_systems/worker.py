"""Runs one system in this process: worker.py MODULE ARGUMENT LIBRARY OUT writes the observations as JSON. systems.py starts it."""

import importlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import numpy as np  # noqa: E402
import observe  # noqa: E402
from library import Library  # noqa: E402


def main():
    module, argument, library, out = sys.argv[1:]
    np.seterr(all="ignore")  # onnx.reference runs on numpy
    system = importlib.import_module(module).system(*([argument] if argument else []))
    Path(out).write_text(json.dumps(observe.observe(system, Library(library))))


if __name__ == "__main__":
    main()

"""Compares other systems with rectify for the tables of docs/semantics.md: see parity_systems/__main__.py, or --help."""

import runpy
from pathlib import Path

if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).with_name("parity_systems")), run_name="__main__")

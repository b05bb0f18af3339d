"""scripts/test.sh --python: builds the Python package as a wheel, installs it, and runs tests/python.

Further arguments are pytest's. The environment is build/venv; it is made again if what it is made from changes
(environment.py).
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from environment import make_environment

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"


def build_wheel(python: Path) -> Path:
    """A wheel of this checkout.

    The build tree is kept, so that what did not change is not compiled again. scikit-build-core clears a tree that was
    made in another build environment, so the environment is not an isolated one. (A slow test builds in such a one.)
    """
    folder = BUILD / "wheel"
    for old in folder.glob("*.whl"):
        old.unlink()
    options = ["--quiet", "--no-deps", "--no-build-isolation", f"--config-settings=build-dir={folder / 'tree'}"]
    subprocess.run([python, "-m", "pip", "wheel", *options, "--wheel-dir", folder, ROOT], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def run_tests(python: Path, wheel: Path, arguments: list[str]) -> int:
    """Runs pytest in an empty folder, so that the installed package is imported and not the checkout's."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"RECTIFY_WHEEL": str(wheel), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", ROOT / "tests/python", *arguments]
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(command, cwd=folder, env=environment).returncode


def tell(text: str, since: float) -> float:
    now = time.monotonic()
    print(f"test_python: {text} ({now - since:.0f} s)", flush=True)
    return now


def main() -> int:
    now = time.monotonic()
    python = make_environment(BUILD / "venv", ROOT / "tests/python/requirements.txt")
    now = tell("environment in build/venv", now)
    wheel = build_wheel(python)
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--force-reinstall", wheel], check=True
    )
    tell(f"{wheel.name}, {wheel.stat().st_size / 1e6:.1f} MB", now)
    subprocess.run([python, "-m", "rectify"], check=True, cwd="/")
    return run_tests(python, wheel, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

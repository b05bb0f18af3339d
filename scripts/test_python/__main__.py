"""scripts/test.sh --python: builds the Python package as a wheel, installs it, and runs tests/python.

The environment is build/venv; it is made again if what it is made from changes (environment.py). With --slow, the tests
of frameworks then run in build/venv_other too, with other versions of torch and JAX and the same wheel. The arguments
are pytest's.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from environment import make_environment, read_requirements

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
TESTS = ROOT / "tests/python"
OF_NO_FRAMEWORK = ("environments_test.py", "package_test.py", "wheel_cuda_test.py")
NOTHING_SELECTED = 5  # pytest's exit status


@dataclass
class Run:
    """One environment, and pytest's arguments in it."""

    name: str
    packages: dict[str, str]  # the requirements
    arguments: list[str]
    may_select_nothing: bool = False

    def __str__(self) -> str:
        return f"build/{self.name} ({self.packages['torch']}, {self.packages['jax']})"

    def outcome(self, status: int) -> str:
        if status == NOTHING_SELECTED and self.may_select_nothing:
            return "no test selected"
        return "passed" if status == 0 else f"failed, pytest's exit status is {status}"


def runs_for(arguments: list[str]) -> list[Run]:
    first, other = TESTS / "requirements.txt", TESTS / "requirements_other.txt"
    runs = [Run("venv", read_requirements(first), arguments)]
    if "--slow" in arguments:
        ignored = [f"--ignore={TESTS / file}" for file in OF_NO_FRAMEWORK]
        runs.append(Run("venv_other", read_requirements(first, other), [*arguments, *ignored], may_select_nothing=True))
    return runs


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


def install_wheel(python: Path, wheel: Path) -> None:
    options = ["--quiet", "--no-index", "--no-deps", "--force-reinstall"]
    subprocess.run([python, "-m", "pip", "install", *options, wheel], check=True)
    subprocess.run([python, "-m", "rectify"], check=True, cwd="/")


def run_tests(python: Path, wheel: Path, arguments: list[str]) -> int:
    """Runs pytest in an empty folder, so that the installed package is imported and not the checkout's."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"RECTIFY_WHEEL": str(wheel), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", TESTS, *arguments]
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(command, cwd=folder, env=environment).returncode


def tell(text: str, since: float) -> float:
    now = time.monotonic()
    print(f"test_python: {text} ({now - since:.0f} s)", flush=True)
    return now


def main() -> int:
    runs, statuses = runs_for(sys.argv[1:]), []
    now = time.monotonic()
    pythons = [make_environment(BUILD / run.name, run.packages) for run in runs]
    now = tell(f"environments: {', '.join(map(str, runs))}", now)
    wheel = build_wheel(pythons[0])
    for python in pythons:
        install_wheel(python, wheel)
    now = tell(f"{wheel.name}, {wheel.stat().st_size / 1e6:.1f} MB", now)
    for run, python in zip(runs, pythons):
        print(f"test_python: tests in {run}", flush=True)
        statuses.append(run_tests(python, wheel, run.arguments))
    outcomes = [run.outcome(status) for run, status in zip(runs, statuses)]
    for run, outcome in zip(runs, outcomes):
        print(f"test_python: {run}: {outcome}", flush=True)
    return int(any(outcome.startswith("failed") for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())

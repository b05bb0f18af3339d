"""scripts/test_python: in which environments tests/python runs, what is told of them, and which packages they get.

No environment is made.
"""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts/test_python"
if not SCRIPT.exists():
    pytest.skip("the scripts are not here", allow_module_level=True)
OF_TORCH = [
    "cuda-toolkit[cublas,cufile,cusparse]==13.2.2",
    "nvidia-cudnn-cu13==9.26.0.51",
    "nvidia-cusparselt-cu13==0.8.1",
    "nvidia-nccl-cu13==2.30.7",
]


@pytest.fixture
def script(monkeypatch):
    """The script as a module."""
    monkeypatch.syspath_prepend(str(SCRIPT))
    spec = importlib.util.spec_from_file_location("test_python", SCRIPT / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "test_python", module)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("environment", None)


@pytest.fixture
def run(script, monkeypatch, capsys, tmp_path):
    """Runs the script with these arguments, for which pytest exits with these statuses.

    Returns the exit status, the lines after the first tests, and pytest's arguments.
    """

    def run(*arguments, statuses):
        wheel = tmp_path / "rectify.whl"
        wheel.touch()
        called, installed, left = [], [], list(statuses)
        monkeypatch.setattr(sys, "argv", ["test_python", *arguments])
        monkeypatch.setattr(script, "make_environment", lambda folder, packages: (folder.name, packages["torch"]))
        monkeypatch.setattr(script, "build_wheel", lambda python: wheel)
        monkeypatch.setattr(script, "install_wheel", lambda python, wheel: installed.append(python))

        def run_tests(python, wheel, arguments):
            assert python in installed
            called.append((python[0], arguments))
            print(f"tests of {python[0]}")
            return left.pop(0)

        monkeypatch.setattr(script, "run_tests", run_tests)
        status = script.main()
        assert not left
        return status, capsys.readouterr().out.splitlines()[2:], called

    return run


def names(script):
    """How the two environments are named in the output."""
    return [str(run) for run in script.runs_for(["--slow"])]


def test_one_environment_without_slow(script, run):
    status, told, called = run("-k", "mask", statuses=[0])
    (name,) = names(script)[:1]
    assert status == 0 and called == [("venv", ["-k", "mask"])]
    assert told == [f"test_python: tests in {name}", "tests of venv", f"test_python: {name}: passed"]


def test_two_environments_with_slow(script, run):
    status, told, called = run("--slow", "-k", "mask", statuses=[0, 0])
    first, other = names(script)
    assert status == 0 and [name for name, _ in called] == ["venv", "venv_other"]
    assert called[0][1] == ["--slow", "-k", "mask"] == called[1][1][:3]
    assert told == [
        f"test_python: tests in {first}",
        "tests of venv",
        f"test_python: tests in {other}",
        "tests of venv_other",
        f"test_python: {first}: passed",
        f"test_python: {other}: passed",
    ]


@pytest.mark.parametrize("statuses", [[1, 0], [0, 1], [0, 2], [5, 0], [5, 5], [1, 1]])
def test_a_failure_in_either_is_a_failure(run, statuses):
    status, told, _ = run("--slow", statuses=statuses)
    assert status == 1
    assert [line.rsplit(": ")[-1].startswith("failed") for line in told[-2:]] == [
        statuses[0] != 0,
        statuses[1] not in (0, 5),
    ]


def test_the_other_environment_may_have_no_test_to_run(run):
    status, told, _ = run("--slow", "-k", "wheel", statuses=[0, 5])
    assert status == 0 and told[-1].endswith(": no test selected")


def test_what_is_not_run_again_exists(script):
    _, *ignored = script.runs_for(["--slow"])[1].arguments
    assert ignored and all(Path(argument.removeprefix("--ignore=")).is_file() for argument in ignored)


def test_the_environments_differ_in_torch_and_jax_alone(script):
    first, other = (run.packages for run in script.runs_for(["--slow"]))
    assert first.keys() == other.keys()
    assert {name for name in first if first[name] != other[name]} == {"torch", "jax"}
    assert all(line.startswith(f"{name}==") for name, line in other.items())


def test_packages_of_what_the_loader_does_not_find(script):
    printed = """\tlibc.so.6 => /lib/libc.so.6 (0x0)
\tlibcuda.so.1 => not found
\tlibcusparseLt.so.0 => not found
\tlibcufile.so.0 => not found
\tlibnew.so.1 => not found
undefined symbol: ncclCommGrow\t(/torch/lib/libtorch_cuda.so)
undefined symbol: cuLinkCreate_v2\t(/torch/lib/libtorch_cuda.so)
undefined symbol: _ZN3c104cuda9allocatorE\t(/torch/lib/libtorch_cuda.so)
"""
    assert sys.modules["environment"].missing(printed, OF_TORCH) == {
        "libcusparseLt.so.0": "nvidia-cusparselt-cu13==0.8.1",
        "libcufile.so.0": "cuda-toolkit[cufile]==13.2.2",
        "libnew.so.1": None,
        "ncclCommGrow": "nvidia-nccl-cu13==2.30.7",
    }

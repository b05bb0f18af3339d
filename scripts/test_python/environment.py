"""A virtual environment in which the Python package is tested: the packages of requirements files from PyPI.

torch comes with 2.7 GB of CUDA's libraries. On a machine with a CUDA toolkit of the same major version, torch uses the
toolkit's libraries by links, and only the packages of those that the toolkit lacks, or has too old, are installed.
"""

import json
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CUDA_PACKAGE = re.compile("nvidia-|cuda-|triton")
OF_THE_DRIVER = "libcuda.so.1"
NOT_FOUND = re.compile(r"^\s*(\S+) => not found|^undefined symbol: (\S+)", re.M)

# Prints the requirements of a package that hold on this machine, as JSON.
REQUIREMENTS_OF = """
import importlib.metadata, json, sys
from pip._vendor.packaging.requirements import Requirement
all = map(Requirement, importlib.metadata.requires(sys.argv[1]))
print(json.dumps([str(r).split(";")[0].strip() for r in all if r.marker is None or r.marker.evaluate({"extra": ""})]))
"""


@dataclass
class Toolkit:
    """A CUDA toolkit on this machine."""

    major: str
    libraries: list[Path]  # the folders of its shared libraries

    @staticmethod
    def find() -> "Toolkit | None":
        nvcc = shutil.which("nvcc")
        if nvcc is None:
            return None
        told = subprocess.run([nvcc, "--version"], capture_output=True, text=True).stdout
        release = re.search(r"release (\d+)\.", told)
        if release is None:
            return None
        root = Path(nvcc).resolve().parents[1]
        return Toolkit(release[1], [path for path in (root / "lib64", root / "extras/CUPTI/lib64") if path.is_dir()])


class Environment:
    """A virtual environment."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.python = folder / "bin/python"

    def create(self) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--clear", self.folder], check=True)

    def install(self, *arguments: str) -> None:
        if arguments:
            subprocess.run(
                [self.python, "-m", "pip", "install", "--quiet", "--no-warn-conflicts", *arguments], check=True
            )

    def run(self, code: str, *arguments: str) -> str:
        return subprocess.run([self.python, "-c", code, *arguments], capture_output=True, text=True, check=True).stdout

    def packages(self) -> Path:
        return Path(self.run("import sysconfig; print(sysconfig.get_path('purelib'))").strip())


def read_requirements(*files: Path) -> dict[str, str]:
    """The requirements of the files by package; a later file's replace those of an earlier one."""
    lines = (line for file in files for line in file.read_text().splitlines() if line and not line.startswith("#"))
    return {line.split("==")[0]: line for line in lines}


def package_of(name: str, requirements: list[str]) -> str | None:
    """The requirement that has a library or a function.

    libcusparseLt.so.0 is in nvidia-cusparselt-cu13, libcufile.so.0 in cuda-toolkit[cufile], ncclCommGrow in
    nvidia-nccl-cu13.
    """
    name = re.sub(r"^lib|[._].*$", "", name).lower()
    for requirement in requirements:
        package = re.match(r"nvidia-(\w+)-cu\d", requirement)
        if package and name.startswith(package[1]):
            return requirement
    parts = next(
        filter(None, (re.fullmatch(r"cuda-toolkit\[(.*)\](==.*)", requirement) for requirement in requirements))
    )
    extras = [extra for extra in parts[1].split(",") if name.startswith(extra)]
    return f"cuda-toolkit[{max(extras, key=len)}]{parts[2]}" if extras else None


def missing(printed: str, requirements: list[str]) -> dict[str, str | None]:
    """The libraries and functions that the loader does not find, by what `ldd -r` printed, and the requirement of each.

    A function of no requirement is the driver's, or is in a library that is loaded before: it is left out.
    """
    found: dict[str, str | None] = {}
    for library, function in NOT_FOUND.findall(printed):
        requirement = package_of(library or function, requirements)
        if (library and library != OF_THE_DRIVER) or requirement:
            found[library or function] = requirement
    return found


def missing_in(folder: Path, requirements: list[str]) -> dict[str, str | None]:
    """What the libraries in a folder need, and the loader does not find."""
    found: dict[str, str | None] = {}
    for library in folder.glob("*.so*"):
        done = subprocess.run(["ldd", "-r", library], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        found |= missing(done.stdout, requirements)
    return found


def link_libraries(toolkit: Toolkit, folder: Path) -> None:
    """Links the toolkit's libraries in the folder in which torch looks for those of the packages."""
    folder.mkdir(parents=True, exist_ok=True)
    for library in (path for source in toolkit.libraries for path in source.glob("lib*.so.*")):
        link = folder / library.name
        if not link.exists():
            link.symlink_to(library)


def install_torch(environment: Environment, torch: str, toolkit: Toolkit | None) -> None:
    """Installs torch, with the toolkit's libraries if they serve."""
    if toolkit is None:
        return environment.install(torch)
    environment.install("--no-deps", torch)
    requirements = json.loads(environment.run(REQUIREMENTS_OF, "torch"))
    of_cuda = [requirement for requirement in requirements if CUDA_PACKAGE.match(requirement)]
    if not any(re.match(rf"cuda-toolkit\[.*\]=={toolkit.major}\.", requirement) for requirement in of_cuda):
        return environment.install(torch)  # with all that it requires
    environment.install(*(requirement for requirement in requirements if requirement not in of_cuda))
    site = environment.packages()
    link_libraries(toolkit, site / f"nvidia/cu{toolkit.major}/lib")
    packages = set(missing_in(site / "torch/lib", of_cuda).values())
    environment.install(*sorted(package for package in packages if package))
    if still := missing_in(site / "torch/lib", of_cuda):
        print(f"test_python: the CUDA toolkit lacks {', '.join(sorted(still))}, so all packages of torch are installed")
        environment.install(torch)


def make_environment(folder: Path, packages: dict[str, str]) -> Path:
    """Makes the environment, unless it is there and made from the same. Returns its Python."""
    environment, toolkit = Environment(folder), Toolkit.find()
    made_from = "\n".join([*packages.values(), platform.python_version(), str(toolkit), Path(__file__).read_text()])
    record = folder / "made_from.txt"
    if record.is_file() and record.read_text() == made_from and environment.python.exists():
        return environment.python
    environment.create()
    environment.install(*(requirement for package, requirement in packages.items() if package != "torch"))
    install_torch(environment, packages["torch"], toolkit)
    environment.run("import torch")
    record.write_text(made_from)
    return environment.python

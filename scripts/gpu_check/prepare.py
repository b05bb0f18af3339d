"""gpu-check prepare: builds all that a run needs, without a GPU, and packs it into a folder for the machine with the GPU."""

import json
import lzma
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

from machine import describe_commit
from problem import Problem, of_os_error

ROOT = Path(__file__).resolve().parents[2]
MOST_BYTES = 48 << 20
DICTIONARY = 128 << 20  # larger than all binaries together, so that code they share is stored once
PACKAGE_BENCH = ("bench/torch_compile.py", "bench/torch_calls.py", "scripts/pages.py")  # the first imports the others
STATIC = "-static-libstdc++ -static-libgcc"

# Target: its path in the build folder, and the package that it needs besides nvcc.
TARGETS = {
    "rectify_tests": ("tests/rectify_tests", "GoogleTest"),
    "rectify_gpu_tests": ("tests/rectify_gpu_tests", "GoogleTest"),
    "rectify_slow_tests": ("tests/rectify_slow_tests", "GoogleTest"),
    "rectify_thrust_tests": ("tests/rectify_thrust_tests", "GoogleTest"),
    "rectify-bench": ("bench/rectify-bench", "CLI11 and nlohmann-json"),
    "rectify-sweep": ("bench/gpu/rectify-sweep", "CLI11 and nlohmann-json"),
    "rectify_loadable": ("bench/gpu/librectify.so", "nothing"),
    "_rectify": ("python/rectify/_rectify.abi3.so", "the headers of Python 3.10 or later"),
}


def prepare(arguments):
    begin = time.monotonic()
    architectures = arguments.arch.split(",")
    if not all(re.fullmatch(r"\d{2,3}", architecture) for architecture in architectures):
        raise Problem(f"--arch {arguments.arch}: expected two or three digits, as 90 or 75,90")
    os.environ["PATH"] += ":/usr/local/cuda/bin"
    if shutil.which("cmake") is None:
        raise Problem("no cmake on this machine")
    if shutil.which("nvcc") is None and not os.environ.get("CUDACXX"):
        raise Problem("no nvcc on this machine: a CUDA toolkit is needed to prepare, a GPU is not")
    folder = Path(arguments.dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").unlink(missing_ok=True)  # first, so that an interrupted prepare does not look complete
    except OSError as error:
        raise of_os_error(error, folder) from None
    build = Path(arguments.build) if arguments.build else ROOT / "build" / ("gpu" + "_".join(architectures))
    missing = compile_all(build, architectures)
    if missing is None:
        return 1
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as scratch:
        files = gather(build, missing, Path(scratch))
        size = pack(folder / "rectify-gpu.tar.xz", Path(scratch), files)
    manifest = {
        "schema": "rectify-gpu/2",
        "commit": describe_commit(ROOT) or "unknown",
        "architectures": architectures,
        "nvcc": nvcc_version(build),
        "files": files,
        "absent": missing,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    print(
        f"{folder}: commit {manifest['commit']}, sm_{', sm_'.join(architectures)}, CUDA {manifest['nvcc']}, {len(files)} files, "
        f"{size / (1 << 20):.1f} MiB packed, {time.monotonic() - begin:.0f} s"
    )
    for name, reason in missing.items():
        print(f"absent: {name}: {reason}")
    if size > MOST_BYTES:
        raise Problem(f"{size >> 20} MiB are more than {MOST_BYTES >> 20}: prepare fewer architectures at a time")
    return 0


def compile_all(build, architectures):
    """Configures and builds. Returns what cannot be built here, with the reasons; None if the build failed."""
    configure = [
        "cmake",
        "-S",
        ROOT,
        "-B",
        build,
        "-DCMAKE_BUILD_TYPE=Release",
        "-DRECTIFY_CUDA=ON",
        "-DRECTIFY_EXAMPLES=OFF",
        "-DRECTIFY_PYTHON_MODULE=ON",
        "-DRECTIFY_BENCH_PEERS=CUDA",  # their libraries may be missing on the machine with the GPU
        "-DCMAKE_CUDA_ARCHITECTURES=" + ";".join(f"{architecture}-real" for architecture in architectures),
        f"-DCMAKE_EXE_LINKER_FLAGS={STATIC}",
        f"-DCMAKE_SHARED_LINKER_FLAGS={STATIC}",
    ]
    if shutil.which("ninja") and not (build / "CMakeCache.txt").exists():
        configure += ["-G", "Ninja"]
    if not did(configure, build / "gpu-check-configure.txt"):
        return None
    known = subprocess.run(["cmake", "--build", build, "--target", "help"], capture_output=True, text=True).stdout
    names = set(re.findall(r"[\w-]+", known))
    missing = {
        file_of(target): f"{needs} was not found by prepare"
        for target, (_, needs) in TARGETS.items()
        if target not in names
    }
    targets = [target for target in TARGETS if target in names]
    return missing if did(["cmake", "--build", build, "--parallel", "--target", *targets], build / "gpu-check-build.txt") else None


def did(command, log):
    """Runs a command and returns whether it succeeded. Its output goes to a file; if it fails, the end is printed."""
    log.parent.mkdir(parents=True, exist_ok=True)
    print(" ".join(str(word) for word in command), flush=True)
    with open(log, "w") as to:
        code = subprocess.run([str(word) for word in command], stdout=to, stderr=subprocess.STDOUT).returncode
    if code != 0:
        print("\n".join(log.read_text(errors="replace").splitlines()[-25:]))
        print(f"gpu-check: {command[0]} failed; {log} has its whole output")
    return code == 0


def file_of(target):
    return Path(TARGETS[target][0]).name


def gather(build, missing, to):
    """Puts stripped copies into the folder `to`. Returns the names of all files in it."""
    for target, (path, _) in TARGETS.items():
        name = file_of(target)
        if name not in missing:
            shutil.copy2(build / path, to / name)
            if shutil.which("strip"):
                subprocess.run(["strip", to / name], check=True)
    add_openmp(to)
    (to / "peers").mkdir()
    for file in sorted((ROOT / "bench" / "peers").glob("*.py")):
        shutil.copy(file, to / "peers")
    if not (to / "peers" / "peers.py").exists():
        missing["peers.py"] = "bench/peers/peers.py is not in this checkout"
    add_package(to)
    return sorted(str(path.relative_to(to)) for path in to.rglob("*") if path.is_file())


def add_package(to):
    """Puts the Python package into the folder package, its tests into package_tests, and a benchmark of it into package_bench."""
    for source, folder in ((ROOT / "python" / "rectify", to / "package" / "rectify"), (ROOT / "tests" / "python", to / "package_tests")):
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    (to / "package_bench").mkdir()
    for file in PACKAGE_BENCH:
        shutil.copy(ROOT / file, to / "package_bench")
    module = to / "_rectify.abi3.so"
    if module.exists():
        module.rename(to / "package" / "rectify" / module.name)


def add_openmp(to):
    for binary in sorted(path for path in to.iterdir() if path.is_file()):
        found = re.search(r"libgomp\.so\.1 => (/\S+)", subprocess.run(["ldd", binary], capture_output=True, text=True).stdout)
        if found:
            (to / "lib").mkdir()
            shutil.copy(found[1], to / "lib" / "libgomp.so.1")
            return


def pack(archive, folder, files):
    """Writes the archive and returns its size. The same files make the same archive."""

    def plain(entry):
        entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
        return entry

    total = sum((folder / name).stat().st_size for name in files)
    dictionary = min(DICTIONARY, max(1 << 20, 1 << total.bit_length()))
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": dictionary}]
    try:
        with lzma.open(archive, "wb", filters=filters) as compressed, tarfile.open(fileobj=compressed, mode="w") as tar:
            for name in files:
                tar.add(folder / name, name, filter=plain)
        return archive.stat().st_size
    except OSError as error:
        raise of_os_error(error, archive) from None


def nvcc_version(build):
    compiler = re.search(r"^CMAKE_CUDA_COMPILER:\w+=(.+)$", (build / "CMakeCache.txt").read_text(), re.MULTILINE)
    said = subprocess.run([compiler[1] if compiler else "nvcc", "--version"], capture_output=True, text=True).stdout
    return re.search(r"release (\d+\.\d+)", said)[1]

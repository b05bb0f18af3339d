"""python -m rectify: what this rectify and this machine have, for reports of faults. Imports no array library."""

from __future__ import annotations

import importlib.metadata
import platform

from . import _rectify


def _version_of(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cupy() -> str | None:
    """CuPy's wheels are named after the version of CUDA."""
    names = ("cupy", "cupy-cuda12x", "cupy-cuda13x")
    return next((f"{version} ({name})" for name in names if (version := _version_of(name))), None)


def lines() -> list[str]:
    """The lines that `python -m rectify` prints."""
    build = _rectify.build()
    driver, gpus = _rectify.cuda_devices()
    cuda = f"CUDA {build['cuda_version']} for {', '.join(build['architectures'])}" if build["cuda"] else "without CUDA"
    drivers = f"for CUDA up to {driver}" if driver else "none found" if build["cuda"] else "not used, without CUDA"
    told = [
        f"rectify {build['version']} ({build['compiler']}, {cuda})",
        f"Python {platform.python_version()} on {platform.platform()}",
        f"driver: {drivers}",
    ]
    told += [f"GPU {index}: {name}, compute capability {capability}" for index, (name, capability) in enumerate(gpus)]
    if build["cuda"] and not gpus:
        told.append("GPUs: none")
    for name in ("numpy", "torch", "jax", "cupy"):
        version = _cupy() if name == "cupy" else _version_of(name)
        told.append(f"{name}: {version or 'not installed'}")
    return told


if __name__ == "__main__":
    print("\n".join(lines()))

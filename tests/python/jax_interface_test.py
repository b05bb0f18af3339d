"""XLA's interface: the layouts that rectify declares, the version that it tells XLA, and a JAX that is too old."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import rectify

jax = pytest.importorskip("jax", reason="JAX is not installed")
if not hasattr(jax, "ffi"):
    import jax.ffi

from rectify.jax._versions import interface_version

HERE = Path(__file__).resolve().parent


def test_layouts_equal_those_of_jaxlib():
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None or not (HERE.parents[1] / "python/xla_layout.hpp").exists():
        pytest.skip("no C++ compiler on this machine, or no sources")
    older = ["-DBEFORE_JAXLIB_0_6"] if jax.__version_info__ < (0, 6) else []
    command = [
        compiler,
        "-std=c++17",
        "-fsyntax-only",
        *older,
        f"-I{jax.ffi.include_dir()}",
        str(HERE / "xla_layout.cpp"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_version_of_this_jaxlib():
    version = interface_version(Path(jax.ffi.include_dir()) / "xla/ffi/api/c_api.h")
    assert version is not None and version >= (0, 1)


def header(folder, text):
    path = folder / "include/xla/ffi/api/c_api.h"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_versions_of_headers(tmp_path):
    text = "#define XLA_FFI_API_MAJOR 1\n// a comment\n#define XLA_FFI_API_MINOR 12\n"
    assert interface_version(header(tmp_path, text)) == (1, 12)
    assert interface_version(header(tmp_path / "other", "nothing")) is None
    assert interface_version(tmp_path / "none.h") is None


def raised_beside(folder, modules):
    """What `import rectify.jax` raises in a process that finds these modules first, given by their paths."""
    for name, text in modules.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    program = f"""
import sys
sys.path[:0] = [{str(folder)!r}, {str(Path(rectify.__file__).parents[1])!r}]
try:
    import rectify.jax
except Exception as error:
    print(type(error).__module__ + "." + type(error).__name__, str(error), sep="|")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_jaxlib_with_an_older_interface(tmp_path):
    header(tmp_path, "#define XLA_FFI_API_MAJOR 0\n#define XLA_FFI_API_MINOR 0\n")
    modules = {
        "jax/__init__.py": '__version__ = "0.5.0"',
        "jax/ffi.py": f"include_dir = lambda: {str(tmp_path / 'include')!r}",
        "jaxlib/__init__.py": '__version__ = "0.4.30"',
    }
    assert raised_beside(tmp_path, modules) == (
        "rectify._errors.Unsupported|jaxlib: expected version 0.1 or later of XLA's foreign function interface, got 0.0 of "
        "jaxlib 0.4.30"
    )


def test_a_jax_without_the_interface(tmp_path):
    modules = {f"{name}/__init__.py": '__version__ = "0.4.30"' for name in ("jax", "jaxlib")}
    text = "rectify._errors.Unsupported|jax: expected version 0.5 or later, got 0.4.30"
    assert raised_beside(tmp_path, modules) == text


def test_no_jax(tmp_path):
    modules = {"jax/__init__.py": "raise ImportError('none')"}
    assert (
        raised_beside(tmp_path, modules) == "builtins.ImportError|rectify.jax needs JAX 0.5 or later: pip install jax"
    )


def test_rectify_does_not_import_jax():
    program = "import sys, rectify; print('jax' in sys.modules)"
    folder = str(Path(rectify.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {folder!r}); {program}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "False"

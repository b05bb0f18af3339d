"""The wheel in RECTIFY_WHEEL: its name, what is in it, and that it works in an empty environment.

`scripts/test.sh --python` builds it.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WHEEL = Path(os.environ.get("RECTIFY_WHEEL", ""))
if not WHEEL.is_file():
    pytest.skip("RECTIFY_WHEEL names no wheel: scripts/test.sh --python builds one", allow_module_level=True)
VERSION = re.search(r"project\(rectify VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def members():
    with zipfile.ZipFile(WHEEL) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


def metadata(members, file):
    return members[f"rectify-{VERSION}.dist-info/{file}"].decode()


def test_one_wheel_serves_all_versions_of_python(members):
    assert re.fullmatch(rf"rectify-{re.escape(VERSION)}-cp310-abi3-\w*linux\w*\.whl", WHEEL.name)
    assert re.findall("^Tag: (cp310-abi3)-.*linux", metadata(members, "WHEEL"), re.M) == ["cp310-abi3"]


def test_it_needs_nothing(members):
    text = metadata(members, "METADATA")
    assert "Requires-Dist" not in text
    assert "Requires-Python: >=3.10" in text and "License-Expression: Apache-2.0" in text
    assert re.search(r'^requires = \["scikit-build-core[^,]*"\]$', (ROOT / "pyproject.toml").read_text(), re.M)


def test_it_has_the_package_and_no_other_file(members):
    folders = {name.split("/")[0] for name in members}
    assert folders == {"rectify", f"rectify-{VERSION}.dist-info"}
    sources = ROOT / "python"
    expected = {
        str(path.relative_to(sources))
        for path in (sources / "rectify").rglob("*")
        if path.suffix in (".py", ".pyi", ".typed")
    }
    expected |= {"rectify/_rectify.abi3.so", "rectify/py.typed"}
    assert {name for name in members if name.startswith("rectify/")} == expected


def test_the_binary_is_stripped(members, tmp_path):
    if shutil.which("readelf") is None:
        pytest.skip("no readelf")
    binary = tmp_path / "_rectify.abi3.so"
    binary.write_bytes(members["rectify/_rectify.abi3.so"])
    assert not re.search(r"\.(symtab|debug_info)", run("readelf", "-SW", binary))
    assert str(ROOT).encode() not in members["rectify/_rectify.abi3.so"]


def test_it_works_in_an_empty_environment(tmp_path):
    python = tmp_path / "venv/bin/python"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    run(sys.executable, "-m", "venv", tmp_path / "venv", env=clean)
    run(python, "-m", "pip", "install", "--quiet", "--no-index", WHEEL, env=clean)
    told = run(python, "-m", "rectify", cwd=tmp_path, env=clean)
    assert told.startswith(f"rectify {VERSION} ") and "numpy: not installed" in told and "torch: not installed" in told
    run(
        python,
        "-c",
        """
import array, math, rectify
from rectify import _rectify
x, y = array.array("f", [-2, 3]), array.array("f", [7, 7])
def memory(a): return a.buffer_info()[0], "float32", False, 0, (len(a),), None, True
_rectify.relu(memory(x), memory(y), 0.5, 0.0, math.inf, None)
assert list(y) == [-1, 3]
""",
        cwd=tmp_path,
        env=clean,
    )


def test_the_installed_package_is_what_is_tested():
    import rectify

    assert ROOT not in Path(rectify.__file__).resolve().parents or "site-packages" in rectify.__file__
    assert Path(rectify.__file__).with_name("_rectify.abi3.so").is_file()


@pytest.mark.slow
def test_a_wheel_is_built_from_the_source_archive(tmp_path):
    pytest.importorskip("build")
    run(sys.executable, "-m", "build", ROOT, "--outdir", tmp_path, "--config-setting=cmake.define.RECTIFY_CUDA=OFF")
    archive, wheel = tmp_path / f"rectify-{VERSION}.tar.gz", tmp_path / WHEEL.name
    with tarfile.open(archive) as sources:
        tops = {Path(name).parts[1] for name in sources.getnames()}
    assert tops == {
        "CMakeLists.txt",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "cmake",
        "core",
        "cuda",
        "host",
        "include",
        "pyproject.toml",
        "python",
    }
    assert wheel.is_file()

"""scripts/parity.py without the other systems: changed pages and observations, and systems made of numpy that differ in known ways.

RECTIFY_LIBRARY is the shared library."""

import importlib.util
import io
import json
import os
import shutil
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
SCRIPT = ROOT / "scripts" / "parity_systems"
spec = importlib.util.spec_from_file_location("parity", SCRIPT / "__main__.py")
parity = importlib.util.module_from_spec(spec)
spec.loader.exec_module(parity)
import elements  # noqa: E402
import observations  # noqa: E402
import observe  # noqa: E402
import systems  # noqa: E402
from functions import Function, System  # noqa: E402
from library import Library  # noqa: E402


def library():
    return Library(os.environ["RECTIFY_LIBRARY"])


class Docs(unittest.TestCase):
    """A copy of the page and its observations, on which the script runs."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.docs = Path(folder.name)
        for name in ("semantics.md", "parity.json"):
            shutil.copy(ROOT / "docs" / name, self.docs)
        self.kept = observations.load(self.docs / "parity.json")
        self.seen = {}

    def run_with(self, *arguments):
        """Returns the exit code and the output. The systems are those of self.seen."""
        printed = io.StringIO()
        with (
            mock.patch.object(systems, "installed", lambda names: [name for name in names if name in self.seen]),
            mock.patch.object(systems, "observe", lambda name, _: self.seen[name]),
            redirect_stdout(printed),
            redirect_stderr(printed),
        ):
            code = parity.main(["--docs", str(self.docs), *arguments])
        return code, printed.getvalue()

    def replace(self, name, old, new):
        text = (self.docs / name).read_text()
        self.assertIn(old, text)
        (self.docs / name).write_text(text.replace(old, new, 1))

    def see(self, name):
        """A copy of the system in parity.json, which a test may change."""
        seen = json.loads(json.dumps(self.kept[name]))
        for function in seen["functions"].values():
            function["probes"] = {}
        self.seen[name] = seen
        return seen


class Page(Docs):
    def test_accepts_the_committed_page(self):
        code, printed = self.run_with("--page")
        self.assertEqual(code, 0, printed)

    def test_rejects_a_changed_cell(self):
        self.replace("semantics.md", "relu: x=-0.0 | -0.0 | 0 |", "relu: x=-0.0 | 0 | 0 |")
        code, printed = self.run_with("--page")
        self.assertEqual(code, 1)
        self.assertRegex(printed, r"page, torch: it says .*relu: x=-0.0 \| 0 \| 0 \|")
        self.assertRegex(printed, r"should be .*relu: x=-0.0 \| -0.0 \| 0 \|")

    def test_rejects_a_lost_row(self):
        text = (self.docs / "semantics.md").read_text().splitlines(keepends=True)
        row = next(line for line in text if line.startswith("| slope at NaN"))
        self.replace("semantics.md", row, "")
        self.assertEqual(self.run_with("--page")[0], 1)

    def test_accepts_changes_outside_the_markers(self):
        self.replace("semantics.md", "## Versions", "Some words.\n\n## Versions")
        self.assertEqual(self.run_with("--page")[0], 0)

    def test_rejects_a_missing_marker(self):
        for marker in ("<!-- parity: jax -->", "<!-- parity: end -->"):
            with self.subTest(marker):
                self.setUp()
                self.replace("semantics.md", marker + "\n", "")
                code, printed = self.run_with("--page")
                self.assertEqual(code, 2)
                self.assertIn("semantics.md", printed)

    def test_rejects_a_missing_table(self):
        text = (self.docs / "semantics.md").read_text()
        begin = text.index("<!-- parity: jax -->")
        self.replace("semantics.md", text[begin : text.index("<!-- parity: end -->", begin) + 21], "")
        code, printed = self.run_with("--page")
        self.assertEqual(code, 2)
        self.assertIn("look at jax", printed)

    def test_rejects_a_number_that_rectify_does_not_return(self):
        row = '["y","kink","sign of zero","-0.0","","-0.0","0","f32 bf16 f16 f64"]'
        self.replace("parity.json", row, row.replace('"0","f32', '"-0.0","f32'))
        code, printed = self.run_with("--page")
        self.assertEqual(code, 1)
        self.assertRegex(printed, "rectify, beside torch, relu: .*the library returns 0")


class Systems(Docs):
    def test_skips_if_no_system_is_installed(self):
        code, printed = self.run_with()
        self.assertEqual(code, 77, printed)

    def test_rejects_a_changed_cell_without_systems(self):
        self.replace("semantics.md", "| relu: x=-0.0 |", "| relu: x=-1 |")
        self.assertEqual(self.run_with()[0], 1)

    def test_accepts_the_same_observations(self):
        self.see("torch")
        code, printed = self.run_with()
        self.assertEqual(code, 0, printed)

    def test_accepts_another_version_with_the_same_observations(self):
        self.see("torch")["versions"]["torch"] = "99.1"
        code, printed = self.run_with()
        self.assertEqual(code, 0)
        self.assertIn("99.1", printed)

    def test_reports_a_changed_observation_with_system_versions_and_row(self):
        seen = self.see("torch")
        seen["versions"]["torch"] = "99.1"
        row = next(row for row in seen["functions"]["relu"]["differs"] if row[:2] == ["dx", "NaN"])
        row[5] = "0.5"
        code, printed = self.run_with()
        self.assertEqual(code, 1)
        before = self.kept["torch"]["versions"]["torch"]
        self.assertIn(f"torch [torch 99.1; the page: torch {before}], relu: the page says dx at x=NaN, dy=1: 1,", printed)
        self.assertIn("saw dx at x=NaN, dy=1: 0.5,", printed)

    def test_rejects_lost_and_new_differences(self):
        seen = self.see("jax")
        seen["functions"]["leaky_relu(0.3)"]["differs"].pop()
        seen["functions"]["lax.clamp(0, 5)"]["differs"].append(["y", "cap", "value", "5", "", "4", "5", "f32"])
        code, printed = self.run_with()
        self.assertEqual(code, 1)
        self.assertRegex(printed, r"leaky_relu\(0.3\): the page says .*; saw no such difference")
        self.assertRegex(printed, r"lax.clamp\(0, 5\): the page says nothing; saw y at x=5: 4, rectify 5")

    def test_rejects_a_changed_fact(self):
        self.see("torch")["facts"]["forward mode"] = "0.25"
        code, printed = self.run_with()
        self.assertEqual(code, 1)
        self.assertIn("forward mode: the page says 1; saw 0.25", printed)

    def test_checks_cells_of_systems_that_do_not_differ(self):
        seen = self.see("onnx.reference")
        seen["functions"]["Relu"]["probes"] = {"f32": {"y -0.0 ": "-0.0"}}
        code, printed = self.run_with()
        self.assertEqual(code, 1)
        self.assertRegex(printed, "onnx.reference .*table, Relu f32 y -0.0: the page says 0; saw -0.0")

    def test_reports_a_system_that_cannot_run(self):
        code, printed = self.run_with("--only", "torch")
        self.assertEqual(code, 77)
        with mock.patch.object(systems, "SYSTEMS", {"torch": ("of_nothing", "", [])}):
            with self.assertRaisesRegex(systems.Problem, "torch could not be run: .*of_nothing"):
                systems.observe("torch", "librectify.so")


class Write(Docs):
    def test_updates_the_page_and_the_observations_of_one_system(self):
        seen = self.see("torch")
        seen["versions"]["torch"] = "99.1"
        row = next(row for row in seen["functions"]["relu"]["differs"] if row[0] == "y")
        row[5] = "0.125"
        self.assertEqual(self.run_with("--write")[0], 0)
        self.assertEqual(self.run_with()[0], 0)
        now = observations.load(self.docs / "parity.json")
        for name in set(self.kept) - {"torch"}:
            self.assertEqual(now[name], self.kept[name])
        page = (self.docs / "semantics.md").read_text()
        self.assertIn("torch 99.1 and " + self.kept["torch"]["versions"]["torch"], page)
        self.assertIn("0.125", page)

    def test_writes_nothing_without_changes(self):
        for name in self.kept:
            self.see(name)
        self.assertEqual(self.run_with("--write")[0], 0)
        for name in ("semantics.md", "parity.json"):
            self.assertEqual((self.docs / name).read_text(), (ROOT / "docs" / name).read_text())

    def test_rejects_a_difference_without_a_description(self):
        self.see("torch")["functions"]["relu"]["differs"].append(["y", "inf", "value", "inf", "", "5", "inf", "f32"])
        code, printed = self.run_with("--write")
        self.assertEqual(code, 2)
        self.assertIn("notices.py has no words for y / inf / value", printed)

    def test_rejects_writing_without_a_system(self):
        self.assertEqual(self.run_with("--write")[0], 2)


def relu(x):
    return np.where(x > 0, x, np.where(np.isnan(x), x, 0)).astype(x.dtype)


def system_of(value, gradient=lambda x, dy: np.where(x > 0, dy, 0).astype(x.dtype)):
    """f32 and f64 of numpy."""

    def run(function, x, dys, dtype):
        with np.errstate(all="ignore"):
            return value(x), [gradient(x, dy) for dy in dys]

    return System({"numpy": np.__version__}, [Function("relu", None, dtypes=("f32", "f64"))], run)


def classes(system):
    return observe.observe(system, library())["functions"]["relu"]["differs"]


class Observation(unittest.TestCase):
    def test_finds_no_differences_of_the_same_function(self):
        self.assertEqual(classes(system_of(relu)), [])

    def test_finds_the_differences_of_a_product(self):
        found = classes(system_of(lambda x: x * (x > 0), lambda x, dy: dy * (x > 0)))
        both = "f32 f64"
        self.assertIn(["y", "below", "sign of zero", "-1", "", "-0.0", "0", both], found)
        self.assertIn(["y", "-inf", "NaN", "-inf", "", "NaN", "0", both], found)
        self.assertIn(["dx", "below", "NaN", "-1", "inf", "NaN", "0", both], found)

    def test_finds_one_element_in_the_tail(self):
        def value(x):
            y = relu(x)
            y[x.size // 16 * 16 :] += x[x.size // 16 * 16 :] == 1
            return y

        self.assertEqual(classes(system_of(value)), [["y", "linear", "value", "1", "", "1 or 2", "1", "f32 f64"]])

    def test_groups_flushed_subnormals(self):
        def flushed(x):
            return np.where(np.abs(x) < np.finfo(x.dtype).tiny, x * 0, x)

        found = classes(system_of(lambda x: relu(flushed(x))))
        self.assertEqual(found, [["y", "subnormal", "value", "1e-39", "", "0", "1e-39", "f32 f64"]])

    def test_finds_a_difference_in_the_last_bit(self):
        found = classes(system_of(lambda x: np.where(x == 3, np.nextafter(x, x.dtype.type(9)), relu(x))))
        self.assertEqual([row[:5] for row in found], [["y", "linear", "rounding", "3", ""]] * len(found))
        self.assertEqual({row[7] for row in found}, {"f32 f64"})


class Elements(unittest.TestCase):
    def test_rounds_bf16_to_nearest_even(self):
        numbers = [1.0, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, 3.4e38, np.inf, -0.0]
        self.assertEqual(elements.encode(numbers, "bf16").tolist(), [0x3F80, 0x3F80, 0x3F82, 0x3F81, 0x7F80, 0x7F80, 0x8000])
        self.assertTrue(np.isnan(elements.decode(elements.encode([np.nan], "bf16"), "bf16")[0]))

    def test_reads_text_as_the_same_number(self):
        draw = np.random.default_rng(1)
        for dtype in elements.STORAGE:
            patterns = draw.integers(0, 1 << 63, 2000, dtype=np.uint64).astype(elements.BITS[dtype]).view(elements.STORAGE[dtype])
            numbers = [float(elements.text(number, dtype)) for number in elements.decode(patterns, dtype)]
            same = elements.bits(elements.encode(numbers, dtype), dtype) == elements.bits(patterns, dtype)
            self.assertTrue(same.all(), dtype)

    def test_finds_neighbours(self):
        for dtype in elements.STORAGE:
            below, above = elements.decode(elements.neighbours(0, dtype), dtype)
            self.assertEqual(below, -above)
            self.assertGreater(above, 0)
            lower, upper = elements.decode(elements.neighbours(1, dtype), dtype)
            self.assertTrue(lower < 1 < upper)


if __name__ == "__main__":
    unittest.main()

"""The CPU's figures in the pages are those of the committed records, the records are complete, and no page has other figures.

tests/bench/tables_test.py tests the scripts that write the figures."""

import contextlib
import io
import json
import re
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "scripts"), str(ROOT / "tests" / "bench")]
import jax_calls  # noqa: E402
import pages  # noqa: E402
import records  # noqa: E402
import sample  # noqa: E402
import tables  # noqa: E402
import torch_calls  # noqa: E402
import torch_compile  # noqa: E402

PERFORMANCE = "docs/performance.md"
PAGES_WITHOUT_FIGURES = ("README.md", PERFORMANCE)
PICTURES = ("cpu-ops", "cpu-sizes", "cpu-small")
FIGURE = re.compile(
    r"\d (GB/s|us|ns)\b|\d(\.\d+)? ?% of (a|the) (copy|ceiling)|\d\.\d+ of (a copy|the ceiling|rectify's time)|^\|.*\d\.\d\d \|",
    re.MULTILINE,
)


def figures_outside_regions(text):
    """The lines with a figure that no script keeps up to date."""
    outside = pages.without_regions(text)
    return [f"line {1 + outside.count(chr(10), 0, found.start())}: {found[0]}" for found in FIGURE.finditer(outside)]


def run_tables(*arguments):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = tables.main(list(map(str, arguments)))
    return code, printed.getvalue()


def folder_of(text):
    """The folder of the records that a page was written from, or None."""
    named = re.search(r"made by bench/tables\.py from (bench/results/[\w.-]+)", text)
    return ROOT / named[1] if named else None


class Committed(unittest.TestCase):
    def test_the_pages_are_what_the_records_say(self):
        code, printed = run_tables("--check")
        self.assertEqual(code, 0, printed)

    def test_the_page_on_pytorch_is_what_its_records_say(self):
        page = (ROOT / "docs/pytorch.md").read_text(encoding="utf-8")
        for script in (torch_calls, torch_compile):
            with self.subTest(script.REGION):
                path = ROOT / "bench/results/epyc-2-cores" / f"{script.REGION}.json"
                record = json.loads(path.read_text(encoding="utf-8"))
                self.assertEqual(page, pages.filled(page, script.REGION, script.MADE_BY, script.table_of(record)))
                self.assertNotIn("dirty", record["commit"])
                self.assertFalse([row for row in record["rows"] if "failed" in row])

    def test_what_a_call_from_jax_costs(self):
        record = json.loads((ROOT / "bench/results/epyc-2-cores/jax-calls.json").read_text(encoding="utf-8"))
        page = (ROOT / "docs/jax.md").read_text(encoding="utf-8")
        self.assertEqual(page, jax_calls.filled(page, record))
        self.assertNotIn("dirty", record["commit"])

    def test_each_record_is_complete_and_says_where_it_is_from(self):
        for path in ROOT.glob("bench/results/*/*.json"):
            if records.FILE_NAME.fullmatch(path.name):
                with self.subTest(path.relative_to(ROOT)):
                    data = json.loads(path.read_text(encoding="utf-8"))
                    self.assertEqual(records.faults(data) or records.faults_of_committed(data), [])

    def test_figures_above_the_ceiling_are_told(self):
        text = (ROOT / PERFORMANCE).read_text(encoding="utf-8")
        told = " ".join(pages.region(text, "cpu-slow").split())
        for record in records.load(folder_of(text)) if folder_of(text) else []:
            for row in filter(records.too_fast, record.rows):
                self.assertIn("A fault of the measurement, above 103 % of the ceiling", told)
                self.assertIn(f"{row['op']} {row['dtype']}, {pages.size_text(row['tensor_bytes'])} {row['mode']}, ", told)

    def test_the_pictures_are_those_of_the_records(self):
        text = (ROOT / PERFORMANCE).read_text(encoding="utf-8")
        for name in PICTURES:
            if f"images/{name}.svg" in text:
                drawing = (ROOT / "docs" / "images" / f"{name}.svg").read_text(encoding="utf-8")
                drawn_from = re.search("drawn by bench/plot.py; records (\\w+)", drawing)
                self.assertEqual(drawn_from[1], records.digest(records.paths_in(folder_of(text))), f"{name}: run bench/plot.py")

    def test_no_page_has_figures_that_no_script_keeps_up_to_date(self):
        for name in PAGES_WITHOUT_FIGURES:
            self.assertEqual(figures_outside_regions((ROOT / name).read_text(encoding="utf-8")), [], name)


class Changed(unittest.TestCase):
    """A copy of the page and its records; of sample records, as long as there are no others."""

    def test_a_changed_digit_in_any_region_is_found(self):
        with tempfile.TemporaryDirectory() as holder:
            root = Path(holder).resolve()
            page = root / PERFORMANCE
            page.parent.mkdir()
            shutil.copy(ROOT / PERFORMANCE, page)
            folder = folder_of(page.read_text(encoding="utf-8"))
            if folder:
                shutil.copytree(folder, root / "bench" / "results" / folder.name)
            else:
                sample.write(root / "bench" / "results" / "sample")
                run_tables("--root", root, root / "bench" / "results" / "sample")
            self.assertEqual(run_tables("--root", root, "--check")[0], 0)
            good = page.read_text(encoding="utf-8")
            for name in tables.REGIONS:
                body = pages.region(good, name).partition("-->")[2]
                digits = [found.start() for found in re.finditer(r"\d", body)]
                for at in (digits[0], digits[len(digits) // 2], digits[-1]):
                    changed = body[:at] + str((int(body[at]) + 1) % 10) + body[at + 1 :]
                    page.write_text(good.replace(body, changed), encoding="utf-8")
                    code, printed = run_tables("--root", root, "--check")
                    self.assertEqual(code, 1)
                    self.assertIn(f"{PERFORMANCE}, region {name}: it says", printed)


class Figures(unittest.TestCase):
    def test_are_found_outside_of_regions_alone(self):
        for text in (
            "It runs at 12.3 GB/s.",
            "a call takes 3 us",
            "90 % of the ceiling",
            "0.87 of rectify's time",
            "| f32 | 1.04 |",
        ):
            self.assertEqual(len(figures_outside_regions(f"# Page\n\n{text}\n")), 1, text)
            self.assertEqual(figures_outside_regions(f"<!-- a: begin -->\n{text}\n<!-- a: end -->\n"), [], text)
        self.assertEqual(figures_outside_regions("<!-- a: begin -->\n1 us\n<!-- a: end -->\n\n2 us"), ["line 5: 2 us"])
        for text in ("GB/s is 10^9 bytes per second", "above 103 % is a fault", "16 bytes", "3 to 5 minutes", "version 0.2"):
            self.assertEqual(figures_outside_regions(text), [], text)


if __name__ == "__main__":
    unittest.main()

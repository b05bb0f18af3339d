"""The example of docs/other-languages.md that calls the C ABI from Python runs as it is printed, with the shared library
that RECTIFY_LIBRARY names."""

import contextlib
import io
import os
import re
import unittest
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "other-languages.md"
LIBRARY = "librectify.so.0.2"


class Page(unittest.TestCase):
    def test_the_example_prints_what_it_says(self):
        (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
        self.assertEqual(code.count(f'"{LIBRARY}"'), 1)
        (expected,) = re.findall(r"print\(.*\)  # (.*)", code)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code.replace(LIBRARY, os.environ["RECTIFY_LIBRARY"]), {})
        self.assertEqual(printed.getvalue().strip(), expected)


if __name__ == "__main__":
    unittest.main()

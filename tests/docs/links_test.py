"""Every relative link and #anchor of the Markdown pages resolves: files, folders, images, and headings as GitHub names them.

    links_test.py ROOT [PAGE...]     prints the broken links, one a line as PAGE:LINE: TARGET: why; exit code 1 if there are any
    links_test.py                    tests itself, on pages with a broken link of each kind
"""

import re
import sys
import tempfile
import unittest
from pathlib import Path
from urllib.parse import unquote

PAGES = ("*.md", "docs/*.md", "bench/**/*.md", "examples/**/*.md")
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|<(?:img|a)\s[^>]*?(?:src|href)=\"([^\"]+)\"")
DEFINITION = re.compile(r"^\[[^]]+\]:\s+(\S+)")
FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$")


def prose(text):
    """The lines outside of fenced blocks, numbered, without their inline code."""
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        mark = FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence):
                fence = ""
        elif mark:
            fence = mark[1]
        else:
            yield number, line


def anchors(page):
    """The anchors that GitHub makes of a page's headings, and those that the page sets itself."""
    found = set()
    for _, line in prose(page.read_text()):
        found.update(re.findall(r"<a\s+(?:id|name)=\"([^\"]+)\"", line))
        heading = HEADING.match(line)
        if not heading:
            continue
        words = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", heading[1])
        base = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        name, copies = base, 0
        while name in found:
            copies += 1
            name = f"{base}-{copies}"
        found.add(name)
    return found


def links(page):
    for number, line in prose(page.read_text()):
        line = re.sub(r"(`+)(?:(?!\1).)+\1", "``", line)
        for match in LINK.finditer(line):
            yield number, match[1] or match[2]
        definition = DEFINITION.match(line)
        if definition:
            yield number, definition[1]


def problem(root, page, target):
    """Why a link is broken; empty if it is not, or leads elsewhere."""
    if re.match(r"[a-z][a-z0-9+.-]*:", target):
        return ""
    path, _, anchor = unquote(target).partition("#")
    if path.startswith("/"):
        return "is not relative"
    file = (page.parent / path).resolve() if path else page.resolve()
    if not file.is_relative_to(root.resolve()):
        return "is outside of the repository"
    if not file.exists():
        return "does not exist"
    if anchor and file.suffix == ".md" and anchor not in anchors(file):
        return f"has no heading for #{anchor}"
    return ""


def broken(root, pages=None):
    root = Path(root)
    for page in pages or sorted({page for pattern in PAGES for page in root.glob(pattern)}):
        for number, target in links(page):
            why = problem(root, page, target)
            if why:
                yield f"{page.relative_to(root)}:{number}: {target}: {why}"


class Links(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = Path(holder.name) / "root"
        (self.root / "docs").mkdir(parents=True)
        page = "# Title: `code`, and *more*\n\n## Two words\n\n## Two words\n\n```\n# no heading\n```\n"
        (self.root / "docs" / "b.md").write_text(page)
        (self.root / "picture.svg").write_text("")

    def broken(self, text):
        (self.root / "a.md").write_text(text)
        return list(broken(self.root))

    def test_good_links(self):
        for good in (
            "[b](docs/b.md)",
            "[b](docs/b.md#two-words) and [b](docs/b.md#two-words-1)",
            "[b](docs/b.md#title-code-and-more)",
            "# Here\n[here](#here)",
            "![p](picture.svg)",
            "[![p](picture.svg)](docs)",
            "[x](https://example.org/none#none)",
            "`[code](none.md)` and\n```\n[block](none.md)\n```",
            "[b][1]\n\n[1]: docs/b.md",
        ):
            self.assertEqual(self.broken(good), [], good)

    def test_broken_links(self):
        for bad, why in (
            ("[b](docs/c.md)", "docs/c.md: does not exist"),
            ("[b](docs/b.md#three)", "docs/b.md#three: has no heading for #three"),
            ("[b](docs/b.md#no-heading)", "has no heading"),
            ("[here](#here)", "#here: has no heading for #here"),
            ("![p](picture.png)", "picture.png: does not exist"),
            ('<img src="picture.png" width="9">', "picture.png: does not exist"),
            ("[![p](picture.png)](docs)", "picture.png: does not exist"),
            ("[x](../outside.md)", "is outside of the repository"),
            ("[x](/docs/b.md)", "is not relative"),
            ("one\n\n[1]: docs/c.md", "a.md:3: docs/c.md: does not exist"),
        ):
            told = self.broken(bad)
            self.assertEqual(len(told), 1, bad)
            self.assertIn(why, told[0])


if __name__ == "__main__":
    if len(sys.argv) == 1:
        unittest.main()
    told = list(broken(sys.argv[1], [Path(page) for page in sys.argv[2:]]))
    print("\n".join(told) or "every link leads somewhere")
    sys.exit(1 if told else 0)

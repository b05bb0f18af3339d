"""Errors that end count_instructions with one line."""


class Problem(Exception):
    """Its text is one line: what is wrong and, if possible, what to do."""


class Missing(Problem):
    """A tool is missing on this machine. Exit code 77, as that of a skipped test."""

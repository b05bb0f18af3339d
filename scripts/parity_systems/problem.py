"""The error that ends parity with one line."""


class Problem(Exception):
    """Its text is one line: what is wrong and, if possible, what to do. Exit code 2."""

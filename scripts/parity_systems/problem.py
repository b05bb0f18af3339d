"""What ends parity with one line."""


class Problem(Exception):
    """The text is one line that says what is wrong and, if there is one, the way out: exit code 2."""

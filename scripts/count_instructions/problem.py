"""What ends count_instructions with one line."""


class Problem(Exception):
    """The text is one line that says what is wrong and, if there is one, the way out."""


class Missing(Problem):
    """A tool that this machine lacks: exit code 77, as a skipped test has."""

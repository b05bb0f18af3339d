"""Errors that end gpu-check with one line and exit code 2."""


class Problem(Exception):
    """Its text is one line: what is wrong and, if possible, what to do."""


def of_os_error(error, what):
    """A Problem for an OSError; `what` names the file or folder as the user named it."""
    return Problem(f"{what}: {error.strerror or error}")

"""What ends gpu-check with one line and exit code 2."""


class Problem(Exception):
    """The text is one line that says what is wrong and, if there is one, the way out."""


def of_os_error(error, what):
    """A Problem for an OSError; `what` names the file or folder as the user gave it."""
    return Problem(f"{what}: {error.strerror or error}")

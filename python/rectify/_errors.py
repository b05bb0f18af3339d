"""The exceptions of rectify.

Each text is "operand: expected ..., got ...". The types are part of the interface, the texts are not.
"""

from __future__ import annotations

__all__ = ["CudaError", "Error", "InvalidArgument", "InvalidType", "Unsupported"]


class Error(Exception):
    """The base of rectify's exceptions. (A call may also raise MemoryError.)"""


class InvalidArgument(Error, ValueError):
    """An argument breaks the contract of the call. Nothing was written."""


class InvalidType(Error, TypeError):
    """An argument has a type, or elements of a dtype, that the call does not take. Nothing was written."""


class Unsupported(Error, RuntimeError):
    """The arguments are valid, but this build or version does not support them. Nothing was written."""


class CudaError(Error, RuntimeError):
    """A call of the CUDA runtime failed. The contents of the outputs are unspecified.

    code: the cudaError_t.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code

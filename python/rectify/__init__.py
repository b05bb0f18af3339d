"""Fused rectifiers for arrays."""

from ._errors import CudaError, Error, InvalidArgument, InvalidType, Unsupported

__all__ = ["CudaError", "Error", "InvalidArgument", "InvalidType", "Unsupported"]

"""Whether this JAX can call rectify: by the foreign function interface of XLA, which jaxlib tells the version of in a header."""

from __future__ import annotations

import re
from pathlib import Path

from .._errors import Unsupported

OLDEST_JAX = "0.5"
OLDEST_INTERFACE = (0, 1)  # python/xla_layout.hpp


def interface_version(header: Path) -> tuple[int, int] | None:
    """The version (major, minor) that jaxlib's header tells; None if there is no such header."""
    try:
        found = dict(re.findall(r"#define XLA_FFI_API_(MAJOR|MINOR) (\d+)", header.read_text()))
        return int(found["MAJOR"]), int(found["MINOR"])
    except (OSError, KeyError):
        return None


def require_jax() -> None:
    """Errors: ImportError without jax; Unsupported, with both versions, for one that is too old."""
    try:
        import jax
        import jaxlib
    except ImportError as error:
        raise ImportError(f"rectify.jax needs JAX {OLDEST_JAX} or later: pip install jax") from error
    try:
        from jax import ffi
    except ImportError:
        raise Unsupported(f"jax: expected version {OLDEST_JAX} or later, got {jax.__version__}") from None
    version = interface_version(Path(ffi.include_dir()) / "xla/ffi/api/c_api.h")
    if version is not None and version < OLDEST_INTERFACE:
        expected = f"version {'.'.join(map(str, OLDEST_INTERFACE))} or later of XLA's foreign function interface"
        got = f"{'.'.join(map(str, version))} of jaxlib {jaxlib.__version__}"
        raise Unsupported(f"jaxlib: expected {expected}, got {got}")

"""Reads IDX files, the format of MNIST, gzipped or not, with the standard library and torch."""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import torch

DEFAULT_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # of Debian's package dataset-fashion-mnist


class DataError(Exception):
    """A file that is not there, or not what it should be. The text begins with the file's name."""


class Images(NamedTuple):
    pixels: torch.Tensor  # uint8, (count, 1, rows, columns)
    labels: torch.Tensor  # int64, (count,), from 0 to 9

    def part(self, rows) -> "Images":
        return Images(self.pixels[rows], self.labels[rows])

    def to(self, device) -> "Images":
        return Images(self.pixels.to(device), self.labels.to(device))


def read_images(folder: Path, name: str) -> Images:
    """The images and labels whose files begin with the name: "train" or "t10k"."""
    pixels = _read(_find(folder, f"{name}-images-idx3-ubyte"), axes=3)
    file = _find(folder, f"{name}-labels-idx1-ubyte")
    labels = _read(file, axes=1)
    if len(labels) != len(pixels):
        raise DataError(f"{file}: {len(labels)} labels, but {len(pixels)} images")
    if labels.max() > 9:
        raise DataError(f"{file}: a label is {labels.max()}, expected 0 to 9")
    return Images(pixels.unsqueeze(1), labels.long())


def _find(folder: Path, name: str) -> Path:
    for file in (folder / f"{name}.gz", folder / name):
        if file.exists():
            return file
    raise DataError(
        f"{folder / name}.gz: no such file, and none without .gz; install Debian's package dataset-fashion-mnist, or give "
        "--data a folder with the four files of Fashion-MNIST or MNIST"
    )


def _read(file: Path, axes: int) -> torch.Tensor:
    try:
        with (gzip.open if file.suffix == ".gz" else open)(file, "rb") as stream:
            contents = bytearray(stream.read())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file}: cannot be read: {error}") from error
    begin, kind = 4 + 4 * axes, f"{axes} {'axis' if axes == 1 else 'axes'}"
    magic, *shape = struct.unpack_from(f">{1 + axes}I", contents) if len(contents) >= begin else (None,)
    if magic != 0x800 + axes:  # unsigned bytes, and the number of axes
        raise DataError(f"{file}: is not an IDX file of unsigned bytes with {kind}")
    if len(contents) != begin + math.prod(shape) or math.prod(shape) == 0:
        raise DataError(
            f"{file}: holds {len(contents) - begin} bytes, but its header says {' x '.join(map(str, shape))}"
        )
    return torch.frombuffer(contents, dtype=torch.uint8, offset=begin).reshape(shape)

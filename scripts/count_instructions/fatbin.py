"""Reads PTX, registers and static shared memory of every kernel from a shared library.

It reads the file itself, because many machines with nvcc lack cuobjdump, which is a separate package. A section .nv_fatbin holds
containers; each holds entries, which are PTX (compressed by zstd since CUDA 13) or machine code (an ELF file)."""

import ctypes
import ctypes.util
import struct
from pathlib import Path

from problem import Missing, Problem

MAGIC = 0xBA55ED50
PTX, ELF = 1, 2
ZSTD = 0x8000
REGCOUNT = 0x2F  # code of an attribute in .nv.info that holds a symbol and its registers


def _at(form, data, offset):
    return struct.unpack_from("<" + form, data, offset)


def _sections(elf):
    """Yields (name, offset, size, entry size) of each section of a 64-bit ELF file."""
    table, entry_size, count, names = *_at("Q", elf, 0x28), *_at("HHH", elf, 0x3A)
    headers = [_at("IIQQQQIIQQ", elf, table + i * entry_size) for i in range(count)]
    texts = headers[names][4]
    for header in headers:
        begin = texts + header[0]
        yield elf[begin : elf.index(b"\0", begin)].decode(), header[4], header[5], header[9]


def _decompressed(data, size):
    name = ctypes.util.find_library("zstd")
    if name is None:
        raise Missing("the library's PTX is compressed, and there is no libzstd to read it with")
    zstd = ctypes.CDLL(name)
    zstd.ZSTD_decompress.restype = ctypes.c_size_t
    zstd.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    text = ctypes.create_string_buffer(size)
    if zstd.ZSTD_decompress(text, size, data, len(data)) != size:
        raise Problem("the library's PTX is compressed, but not by zstd: build it with -Xfatbin --compress-mode=none")
    return text.raw


def entries(library):
    """Yields (kind, data) of each entry for the GPU in the library."""
    elf = Path(library).read_bytes()
    if elf[:5] != b"\x7fELF\x02":
        raise Problem(f"{library} is not a library of 64-bit Linux")
    found = [elf[offset : offset + size] for name, offset, size, _ in _sections(elf) if name == ".nv_fatbin"]
    if not found:
        raise Problem(f"{library} holds nothing for a GPU")
    data, at = found[0], 0
    while at + 16 <= len(data):
        magic, _, header, size = _at("IHHQ", data, at)
        if magic != MAGIC:
            at += 8  # containers begin at multiples of 8
            continue
        entry, at = at + header, at + header + size
        while entry < at:
            kind, _, begin, padded = _at("HHIQ", data, entry)
            compressed, flags, whole = *_at("I", data, entry + 16), *_at("Q", data, entry + 40), *_at("Q", data, entry + 56)
            body = data[entry + begin : entry + begin + (compressed or padded)]
            yield kind, _decompressed(body, whole) if flags & ZSTD else body
            entry += begin + padded


def _resources(elf):
    """Yields (kernel, registers, bytes of shared memory including what the system reserves)."""
    sections = {name: (offset, size, entry) for name, offset, size, entry in _sections(elf)}
    if ".nv.info" not in sections:
        return
    symbols, _, symbol_size = sections[".symtab"]
    names = sections[".strtab"][0]
    at, size, _ = sections[".nv.info"]
    end = at + size
    while at < end:
        form, attribute, length = _at("BBH", elf, at)
        if attribute == REGCOUNT:
            symbol, registers = _at("II", elf, at + 4)
            begin = names + _at("I", elf, symbols + symbol * symbol_size)[0]
            kernel = elf[begin : elf.index(b"\0", begin)].decode()
            yield kernel, registers, sections.get(".nv.shared." + kernel, (0, 0, 0))[1]
        at += 4 + (length if form == 4 else 0)


class Code:
    """The kernels of a library: `ptx` has the texts of the modules, `resources` those of each kernel by name."""

    def __init__(self, library):
        self.ptx, self.resources = [], {}
        for kind, data in entries(library):
            if kind == PTX:
                self.ptx.append(data.rstrip(b"\0").decode())
            if kind == ELF:
                self.resources.update({name: (registers, shared) for name, registers, shared in _resources(data)})

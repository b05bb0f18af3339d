"""Calls as XLA makes them, built with ctypes, so that the functions of the binary can be called without JAX and without a GPU."""

import ctypes as c

import numpy as np

DTYPES = {"float16": 10, "float32": 11, "float64": 12, "uint8": 6, "int32": 4}
S64, F64, METADATA, SCALAR, BUFFER = 5, 12, 1, 3, 1

get_pointer = c.pythonapi.PyCapsule_GetPointer
get_pointer.restype, get_pointer.argtypes = c.c_void_p, (c.py_object, c.c_char_p)


class Extension(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("kind", c.c_int), ("next", c.c_void_p)]


class Version(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("extensions", c.c_void_p), ("major", c.c_int), ("minor", c.c_int)]


class Metadata(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("version", Version), ("traits", c.c_uint32), ("more", c.c_int64)]


class MetadataExtension(c.Structure):
    _fields_ = [("base", Extension), ("metadata", c.POINTER(Metadata))]


class NewError(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("extensions", c.c_void_p), ("message", c.c_char_p), ("code", c.c_int)]


class Asked(c.Structure):
    """What the functions for the stream and the device take; the answer is their last field."""

    _fields_ = [("struct_size", c.c_size_t), ("extensions", c.c_void_p), ("context", c.c_void_p), ("answer", c.c_int64)]


class Buffer(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t), ("extensions", c.c_void_p), ("dtype", c.c_int), ("data", c.c_void_p), ("rank", c.c_int64),
        ("dims", c.POINTER(c.c_int64)),
    ]  # fmt: skip


class Buffers(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t), ("extensions", c.c_void_p), ("size", c.c_int64), ("kinds", c.POINTER(c.c_int)),
        ("all", c.POINTER(c.c_void_p)),
    ]  # fmt: skip


class Name(c.Structure):
    _fields_ = [("begin", c.c_char_p), ("length", c.c_size_t)]


class Scalar(c.Structure):
    _fields_ = [("dtype", c.c_int), ("value", c.c_void_p)]


class Attributes(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t), ("extensions", c.c_void_p), ("size", c.c_int64), ("kinds", c.POINTER(c.c_int)),
        ("names", c.POINTER(c.POINTER(Name))), ("all", c.POINTER(c.c_void_p)),
    ]  # fmt: skip


class Call(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t), ("extensions", c.c_void_p), ("api", c.c_void_p), ("context", c.c_void_p), ("stage", c.c_int),
        ("operands", Buffers), ("results", Buffers), ("attributes", Attributes), ("future", c.c_void_p),
    ]  # fmt: skip


FUNCTION = c.CFUNCTYPE(c.c_void_p, c.POINTER(Call))
NEW_ERROR, ASK = c.CFUNCTYPE(c.c_void_p, c.POINTER(NewError)), c.CFUNCTYPE(c.c_void_p, c.POINTER(Asked))


class Api(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t), ("extensions", c.c_void_p), ("version", Version), ("internal", c.c_void_p),
        ("new_error", NEW_ERROR), ("before_stream", c.c_void_p * 3), ("get_stream", ASK), ("before_device", c.c_void_p * 12),
        ("get_device", ASK),
    ]  # fmt: skip


class Xla:
    """An XLA of a version, with the device and the stream of a call. Addresses of errors are their places in `errors`, from 1 on."""

    def __init__(self, minor=3, device=0, stream=0, struct_size=c.sizeof(Api)):
        self.errors, self.device, self.stream, self.fails = [], device, stream, ()
        self._kept = [NEW_ERROR(self._new_error), ASK(self._get_stream), ASK(self._get_device)]
        self.api = Api(struct_size, None, Version(24, None, 0, minor), None, self._kept[0])
        self.api.get_stream, self.api.get_device = self._kept[1:]

    def _new_error(self, arguments):
        self.errors.append((arguments.contents.code, arguments.contents.message.decode()))
        return len(self.errors)

    def _get_stream(self, asked):
        asked.contents.answer = self.stream
        return 77 if "stream" in self.fails else None

    def _get_device(self, asked):
        c.cast(c.byref(asked.contents, Asked.answer.offset), c.POINTER(c.c_int32))[0] = self.device
        return 78 if "device" in self.fails else None


def function_of(capsule):
    return FUNCTION(get_pointer(capsule, b"xla._CUSTOM_CALL_TARGET"))


def question(function, xla=None):
    """The answer (major, minor, traits) to the question what XLA may do with the function. Before jaxlib 0.8 it has no api."""
    metadata = Metadata(36, Version(24, None, 0, 0), 0, 123)
    extension = MetadataExtension(Extension(c.sizeof(MetadataExtension), METADATA, None), c.pointer(metadata))
    call = Call(168, c.addressof(extension), c.addressof(xla.api) if xla else None)
    assert function(call) is None
    assert metadata.more == 123  # what newer versions have behind is not written
    return metadata.version.major, metadata.version.minor, metadata.traits


def _buffers(arrays, kept):
    made = []
    for array in arrays:
        dims = (c.c_int64 * max(array.ndim, 1))(*array.shape)
        made.append(Buffer(48, None, DTYPES[array.dtype.name], array.ctypes.data, array.ndim, dims))
        kept.append(dims)
    addresses = (c.c_void_p * max(len(made), 1))(*map(c.addressof, made))
    kinds = (c.c_int * max(len(made), 1))(*[BUFFER] * len(made))
    kept += [made, addresses, kinds]
    return Buffers(40, None, len(made), kinds, addresses)


def run(function, xla, operands, results, attributes):
    """Calls the function; the address of its error, or None. An attribute is an int or a float, as XLA passes them: by name."""
    kept, names, values = [], [], []
    for name, value in sorted(attributes.items()):
        kept.append(Name(name.encode(), len(name)))
        names.append(c.pointer(kept[-1]))
        number = np.asarray(value, np.int64 if isinstance(value, int) else np.float64)
        scalar = Scalar(S64 if isinstance(value, int) else F64, number.ctypes.data)
        kept += [number, scalar]
        values.append(c.addressof(scalar))
    count = len(names)
    kinds, name_array, value_array = (
        (c.c_int * count)(*[SCALAR] * count),
        (c.POINTER(Name) * count)(*names),
        (c.c_void_p * count)(*values),
    )
    call = Call(
        168, None, c.addressof(xla.api), None, 3, _buffers(operands, kept), _buffers(results, kept),
        Attributes(48, None, count, kinds, name_array, value_array),
    )  # fmt: skip
    return function(call)

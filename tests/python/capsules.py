"""DLPack capsules of NumPy's memory with any device, dtype, version and flags, as no library at hand makes them."""

import ctypes

VERSIONED, UNVERSIONED = b"dltensor_versioned", b"dltensor"
READ_ONLY = 1
CPU, CUDA, CUDA_HOST, VULKAN, CUDA_MANAGED = 1, 2, 3, 7, 13


class Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class Managed(ctypes.Structure):
    _fields_ = [("tensor", Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


class ManagedVersioned(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    ]


new_capsule = ctypes.pythonapi.PyCapsule_New
new_capsule.restype, new_capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_Destructor = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
_kept = []  # what capsules point to: they have no destructor


def tensor_of(array, device=(CPU, 0), lanes=1, dense=False):
    code = {"f": 2, "i": 0, "u": 1, "c": 5, "b": 6}[array.dtype.kind]
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    strides = None if dense else (ctypes.c_int64 * array.ndim)(*[stride // array.itemsize for stride in array.strides])
    _kept.append((array, shape, strides))
    return Tensor(
        array.__array_interface__["data"][0], *device, array.ndim, code, array.itemsize * 8, lanes, shape, strides, 0
    )


class Temporary:
    """An array of which each export has memory of its own, which is overwritten when the capsule is released."""

    def __init__(self, array):
        self.array = array

    def __dlpack_device__(self):
        return CPU, 0

    def __dlpack__(self, **keywords):
        copy = self.array.copy()
        destroy = _Destructor(lambda capsule: copy.fill(99))
        managed = Managed(tensor_of(copy), None, None)
        _kept.extend((destroy, managed))
        return new_capsule(ctypes.addressof(managed), UNVERSIONED, ctypes.cast(destroy, ctypes.c_void_p))


def capsule_of(array, name=VERSIONED, version=(1, 0), flags=0, **tensor):
    described = tensor_of(array, **tensor)
    managed = (
        ManagedVersioned(*version, None, None, flags, described)
        if name == VERSIONED
        else Managed(described, None, None)
    )
    _kept.append(managed)
    return new_capsule(ctypes.addressof(managed), name, None)


class Exporter:
    """An array that has DLPack alone. `calls` are the keywords that __dlpack__ was called with."""

    def __init__(self, array, device=(CPU, 0), old=False, **capsule):
        self.array, self.device, self.old, self.capsule, self.calls = array, device, old, capsule, []

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **keywords):
        self.calls.append(keywords)
        if self.old and "max_version" in keywords:
            raise TypeError("__dlpack__() got an unexpected keyword argument 'max_version'")
        name = VERSIONED if "max_version" in keywords else UNVERSIONED
        return capsule_of(self.array, name, device=self.device, **self.capsule)

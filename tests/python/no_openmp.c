// A dlopen that finds no libgomp.so.1 in the loader's folders, only one that is loaded already: preloaded by
// module_process_test.py, it stands for a machine without OpenMP's runtime.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

void* dlopen(const char* name, int flags) {
  if (name != NULL && strcmp(name, "libgomp.so.1") == 0 && (flags & RTLD_NOLOAD) == 0) return NULL;
  void* (*next)(const char*, int) = (void* (*)(const char*, int))dlsym(RTLD_NEXT, "dlopen");
  return next(name, flags);
}

// OpenMP's runtime, found when it is first needed. The library calls five functions of GCC's runtime, which are defined here and
// forward to the libgomp.so.1 of the process. So the module does not need libgomp.so.1 to be installed, and takes the one of a
// framework that is loaded (torch has its own copy, whose number of threads torch.set_num_threads() sets). Where there is none,
// calls run on one thread.
#include <dlfcn.h>

#include <atomic>

namespace {

struct Runtime {
  void (*parallel)(void (*work)(void*), void* data, unsigned threads, unsigned flags);
  void (*barrier)();
  int (*max_threads)();
  int (*threads)();
  int (*thread)();
};

template <class F>
bool find(void* library, const char* name, F*& function) {
  function = reinterpret_cast<F*>(dlsym(library, name));
  return function != nullptr;
}

/// Null if the loader does not find it with these flags. It is never closed, because its threads may wait in it.
const Runtime* load(int flags) {
  static Runtime loaded;
  void* const library = dlopen("libgomp.so.1", RTLD_LAZY | flags);
  if (library == nullptr) return nullptr;
  Runtime runtime;
  const bool complete = find(library, "GOMP_parallel", runtime.parallel) && find(library, "GOMP_barrier", runtime.barrier) &&
                        find(library, "omp_get_max_threads", runtime.max_threads) &&
                        find(library, "omp_get_num_threads", runtime.threads) &&
                        find(library, "omp_get_thread_num", runtime.thread);
  if (!complete) return nullptr;
  loaded = runtime;
  return &loaded;
}

std::atomic<const Runtime*> found{nullptr};

/// The runtime, or null. The first call takes one that is loaded already, or searches the loader's folders. Later ones look again
/// for one that has been loaded since.
const Runtime* find_runtime() {
  static std::atomic_flag busy = ATOMIC_FLAG_INIT;
  static bool searched = false;
  if (busy.test_and_set(std::memory_order_acquire)) return nullptr;  // another thread looks: this call runs on one thread
  const Runtime* runtime = found.load(std::memory_order_relaxed);
  if (runtime == nullptr) runtime = load(searched ? RTLD_NOLOAD : 0);
  searched = true;
  found.store(runtime, std::memory_order_release);
  busy.clear(std::memory_order_release);
  return runtime;
}

const Runtime* known_runtime() { return found.load(std::memory_order_acquire); }

}  // namespace

extern "C" {

int omp_get_max_threads() {
  const Runtime* runtime = known_runtime();
  if (runtime == nullptr) runtime = find_runtime();
  return runtime != nullptr ? runtime->max_threads() : 1;
}

int omp_get_num_threads() {
  const Runtime* const runtime = known_runtime();
  return runtime != nullptr ? runtime->threads() : 1;
}

int omp_get_thread_num() {
  const Runtime* const runtime = known_runtime();
  return runtime != nullptr ? runtime->thread() : 0;
}

void GOMP_barrier() {
  if (const Runtime* const runtime = known_runtime()) runtime->barrier();
}

void GOMP_parallel(void (*work)(void*), void* data, unsigned threads, unsigned flags) {
  if (const Runtime* const runtime = known_runtime()) return runtime->parallel(work, data, threads, flags);
  work(data);
}

}  // extern "C"

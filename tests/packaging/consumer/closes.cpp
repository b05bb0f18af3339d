// A plugin is closed while OpenMP's threads, which a call of it has started, wait for more work: their code must stay loaded. With `hides`,
// a plugin that contains rectify must not export rectify's symbols. usage: closes PLUGIN [hides]
#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

int main(int count, char** arguments) {
  void* const plugin = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (plugin == nullptr) return std::puts(dlerror()), 2;
  int (*call)();
  void* const found = dlsym(plugin, "plugin_call");
  std::memcpy(&call, &found, sizeof call);
  if (found == nullptr || call() != 0) return std::puts("the plugin's call failed"), 1;
  const char* const forward = "_ZN7rectify7forwardERKNS_4ReluERKNS_15ConstTensorViewERKNS_10TensorViewENS_6StreamE";
  if (count > 2 && dlsym(plugin, forward) != nullptr) return std::puts("the plugin exports rectify::forward"), 1;
  if (dlclose(plugin) != 0) return std::puts(dlerror()), 1;
  usleep(300000);  // longer than GCC's threads spin before they wait
  return 0;
}

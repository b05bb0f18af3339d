// The shared library is closed several times while a thread that has called it and has an error text continues, and while OpenMP's threads
// wait for more work. Its code must stay loaded for those threads. argv[1] is the library.
#define _POSIX_C_SOURCE 200809L
#include <rectify/rectify.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { elements = 1 << 20 };
static float x[elements], y[elements];
static void* library;
static pthread_barrier_t called, closed;

/// Finds a function of the library. It is copied as bytes, as ISO C cannot cast a pointer to an object to one to a function.
static void find(const char* name, void* function) {
  void* const found = dlsym(library, name);
  memcpy(function, &found, sizeof found);
  if (found == NULL) exit(2);
}

static void* call(void* failures) {
  rectify_status (*forward)(const rectify_relu*, const rectify_forward_operands*, void*);
  const char* (*last_error)(void);
  const rectify_relu relu = RECTIFY_RELU_INIT;
  rectify_forward_operands operands = {RECTIFY_FORWARD_INIT};
  find("rectify_forward", &forward);
  find("rectify_last_error", &last_error);
  operands.x = (rectify_tensor){.data = x, .dtype = RECTIFY_F32, .rank = 1, .shape = {elements}};
  operands.y = (rectify_tensor){.data = y, .dtype = RECTIFY_F32, .rank = 1, .shape = {elements}};
  if (forward(&relu, &operands, NULL) != RECTIFY_OK) ++*(int*)failures;
  if (forward(NULL, &operands, NULL) != RECTIFY_INVALID_ARGUMENT || last_error()[0] == '\0') ++*(int*)failures;
  pthread_barrier_wait(&called);
  pthread_barrier_wait(&closed);
  return NULL;
}

int main(int argc, char** argv) {
  int failures = 0;
  if (argc != 2) return 2;
  pthread_barrier_init(&called, NULL, 2);
  pthread_barrier_init(&closed, NULL, 2);
  for (int round = 0; round < 3; ++round) {
    pthread_t thread;
    library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
      fprintf(stderr, "%s\n", dlerror());
      return 1;
    }
    if (pthread_create(&thread, NULL, call, &failures) != 0) return 2;
    pthread_barrier_wait(&called);
    if (dlclose(library) != 0) ++failures;
    library = dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD);
    if (library == NULL) ++failures;
    if (library != NULL) dlclose(library);
    pthread_barrier_wait(&closed);
    if (pthread_join(thread, NULL) != 0) ++failures;
  }
  return failures;
}

// PyTorch, by torch_worker.py in a process of its own, which shares the buffers and takes part in the turns. Requests and replies
// are objects of JSON, one a line.
#include "harness.hpp"
#include "peers/peer.hpp"
#include "peers/shared_memory.hpp"

#include <nlohmann/json.hpp>
#include <omp.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

extern char** environ;

namespace rectify::bench {
namespace {

using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

/// Beside the program, where it is built, or where it is installed.
std::string worker_file() {
  const fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& file : {folder / "torch_worker.py", folder.parent_path() / "share/rectify/bench/torch_worker.py"}) {
    if (fs::exists(file)) return file;
  }
  throw Absent("torch_worker.py is not installed");
}

std::string python() {
  const char* const named = std::getenv("RECTIFY_PYTHON");
  return named != nullptr ? named : "python3";
}

/// The process, and its standard input and output.
class Worker {
 public:
  explicit Worker(const SharedMemory& memory) {
    int requests[2], replies[2];
    if (pipe(requests) != 0 || pipe(replies) != 0) throw Absent("no pipe can be made");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, requests[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, replies[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, memory.descriptor(), inherited);
    for (const int end : {requests[0], requests[1], replies[0], replies[1]}) posix_spawn_file_actions_addclose(&actions, end);
    std::vector<std::string> words{python(),         worker_file(),
                                   "--memory-fd",    std::to_string(inherited),
                                   "--memory-bytes", std::to_string(memory.bytes()),
                                   "--threads",      std::to_string(omp_get_max_threads())};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const int error = posix_spawnp(&process_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(requests[0]);
    close(replies[1]);
    to_ = fdopen(requests[1], "w");
    from_ = fdopen(replies[0], "r");
    if (error != 0) throw Absent(words[0] + ": " + std::strerror(error));
  }
  ~Worker() {
    std::fclose(to_);  // the end of its input ends the worker
    std::fclose(from_);
    if (process_ > 0) waitpid(process_, nullptr, 0);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void send(const json& request) const {
    std::fputs((request.dump(-1, ' ', false, json::error_handler_t::replace) + "\n").c_str(), to_);
    std::fflush(to_);
  }

  json reply() const {
    char* line = nullptr;
    std::size_t size = 0;
    const ssize_t length = getline(&line, &size, from_);
    const std::string text(line == nullptr ? "" : line, length > 0 ? static_cast<std::size_t>(length) : 0);
    std::free(line);
    const json reply = json::parse(text, nullptr, false);
    if (!reply.is_object()) throw Absent("torch_worker.py ended");
    if (reply.contains("absent")) throw Absent(reply["absent"].get<std::string>());
    if (reply.contains("failed")) throw Absent("failed: " + reply["failed"].get<std::string>());
    return reply;
  }

 private:
  static constexpr int inherited = 9;  // its descriptor of the memory
  pid_t process_ = 0;
  std::FILE *to_ = nullptr, *from_ = nullptr;
};

std::vector<std::int64_t> numbers(const detail::Dims& dims) {
  std::vector<std::int64_t> all;
  for (int axis = 0; axis < dims.rank(); ++axis) all.push_back(dims[axis]);
  return all;
}

class Torch : public Peer {
 public:
  Torch() : worker_(memory_), version_(worker_.reply().at("version").get<std::string>()) {}

  std::string name() const override { return "PyTorch"; }
  std::string version() const override { return version_; }
  Memory memory(Device device) override {
    return {device, [memory = memory_](std::size_t bytes) { return memory.allocate(bytes); }};
  }

  PeerCalls prepare(const std::vector<Workload>& sets) override {
    if (sets[0].in_place()) throw Absent("is not measured in place");
    worker_.send(request_of(sets));
    PeerCalls calls{worker_.reply().at("how").get<std::string>(), {}};
    calls.remote = [this](int first, int count, bool check) {
      worker_.send(check ? json{{"do", "check"}} : json{{"do", "run"}, {"calls", count}, {"first", first}});
      return worker_.reply().at("seconds").get<double>();
    };
    return calls;
  }

 private:
  json request_of(const std::vector<Workload>& sets) const {
    const Workload& first = sets[0];
    const Relu& f = first.relu();
    json request{{"do", "prepare"},
                 {"op", first.op().name},
                 {"dtype", harness::name(first.dtype())},
                 {"alpha", f.alpha},
                 {"threshold", f.threshold},
                 {"max_value", nullptr},
                 {"gain", first.op().gain},
                 {"channel_axis", first.op().layout.channel_axis}};
    if (f.max_value < Relu{}.max_value) request["max_value"] = f.max_value;
    for (const Operand operand : first.op().operands) {
      const TensorView view = first.view(operand);
      request["tensors"][operand->name] = {
          {"dtype", harness::name(view.dtype())}, {"shape", numbers(view.shape())}, {"strides", numbers(view.strides())}};
    }
    for (const Workload& work : sets) {
      json offsets;
      for (const Operand operand : work.op().operands) offsets[operand->name] = memory_.offset_of(work.view(operand).data());
      request["sets"].push_back(offsets);
    }
    return request;
  }

  SharedMemory memory_;
  Worker worker_;
  std::string version_;
};

}  // namespace

std::unique_ptr<Peer> make_torch() { return std::make_unique<Torch>(); }

}  // namespace rectify::bench

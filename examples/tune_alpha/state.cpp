// A state is a line of JSON, the bits of Training, and a checksum of both. No number in it is the size of anything: sizes
// follow from the settings, so a forged file cannot cause a large allocation.
#include "state.hpp"

#include "files.hpp"

#include <nlohmann/json.hpp>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace tune {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(State, version, arguments, data_checksum, libraries, seconds, steps_done)

namespace {

std::uint32_t checksum(const std::string& bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

State parse_state(std::string all) {
  std::uint32_t expected = 0;
  const std::size_t line = all.find('\n'), end = all.size() - sizeof expected;
  if (line >= end || all.find("tune_alpha state") > line) throw std::runtime_error("it is not a state of tune_alpha");
  std::memcpy(&expected, all.data() + end, sizeof expected);
  all.resize(end);
  if (checksum(all) != expected) throw std::runtime_error("it is damaged or cut short");
  const auto json = nlohmann::json::parse(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(line));
  if (json.at("version") != State().version) throw std::runtime_error("it was saved by another version of tune_alpha");
  State state = json;
  state.bits = all.substr(line + 1);
  return state;
}

}  // namespace

void save(const std::string& file, const State& state) {
  std::string all = nlohmann::json(state).dump() + "\n" + state.bits;
  const std::uint32_t sum = checksum(all);
  rectify::harness::write_file(file, all.append(reinterpret_cast<const char*>(&sum), sizeof sum));
}

State load_state(const std::string& file) {
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  const int error = in ? errno : errno != 0 ? errno : EIO;
  if (error != 0) throw std::runtime_error(file + ": cannot be read: " + std::strerror(error));
  return parse_state(all);
}

}  // namespace tune

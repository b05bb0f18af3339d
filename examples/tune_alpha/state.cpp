// A state is a line of JSON, the bits of Training, and a checksum of both. No number in it is the size of anything: sizes
// follow from the settings, so a forged file cannot cause a large allocation.
#include "state.hpp"

#include <nlohmann/json.hpp>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>

namespace tune {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(State, version, arguments, data_checksum, libraries, seconds, steps_done)

namespace {

void require(int error, const std::string& file, const char* action) {
  if (error != 0) throw std::runtime_error(file + ": cannot be " + action + ": " + std::strerror(error));
}

/// Returns 0 or errno.
int write_directly(const std::string& file, const std::string& contents) {
  errno = 0;
  std::ofstream out(file, std::ios::binary);
  out << contents;
  out.close();
  return out ? 0 : errno != 0 ? errno : EIO;
}

/// Writes a new file beside the target and renames it, or removes it if it was only a test. Its name is random, because another
/// process may be writing the same target. Returns 0 or errno.
int write_beside(const std::string& file, const std::string& contents, bool rename) {
  std::random_device random;
  const std::string beside = file + "." + std::to_string(random()) + std::to_string(random()) + ".part";
  int error = write_directly(beside, contents);
  if (error == 0 && rename && std::rename(beside.c_str(), file.c_str()) != 0) error = errno;
  if (error != 0 || !rename) std::remove(beside.c_str());
  return error;
}

/// Devices and pipes, and links, which may lead to them.
bool is_special(const std::string& file) {
  std::error_code none;
  const auto type = std::filesystem::symlink_status(file, none).type();
  return type != std::filesystem::file_type::regular && type != std::filesystem::file_type::not_found;
}

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

void write_file(const std::string& file, const std::string& contents) {
  require(is_special(file) ? write_directly(file, contents) : write_beside(file, contents, true), file, "written");
}

void require_writable(const std::string& file) {
  std::error_code none;
  const bool folder = std::filesystem::is_directory(file, none);
  require(folder ? EISDIR : is_special(file) ? 0 : write_beside(file, "", false), file, "written");
}

void save(const std::string& file, const State& state) {
  std::string all = nlohmann::json(state).dump() + "\n" + state.bits;
  const std::uint32_t sum = checksum(all);
  write_file(file, all.append(reinterpret_cast<const char*>(&sum), sizeof sum));
}

State load_state(const std::string& file) {
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  require(in ? errno : errno != 0 ? errno : EIO, file, "read");
  return parse_state(all);
}

}  // namespace tune

// nlohmann's JSON writes the shortest text that reads back as the same double, so figures keep their bits too.
#include "state.hpp"

#include "files.hpp"

#include <nlohmann/json.hpp>
#include <zlib.h>

#include <cstring>
#include <limits>
#include <stdexcept>

namespace tune {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kind = "tune_alpha state 1";

/// f(name, setting) for each, to be written or read.
template <class S, class F>
void for_each_setting(S& s, const F& f) {
  f("data", s.data);
  f("alphas", s.alphas);
  f("learned", s.learned);
  f("images", s.images);
  f("folds", s.folds);
  f("seeds", s.seeds);
  f("hidden", s.hidden);
  f("epochs", s.epochs);
  f("batch", s.batch);
  f("rate", s.rate);
  f("momentum", s.momentum);
  f("seed", s.seed);
}

Settings settings_from(const Json& json) {
  Settings s;
  for_each_setting(s, [&](const char* name, auto& setting) { json.at(name).get_to(setting); });
  return s;
}

Json to_json(const History& history) {
  Json json = Json::array();
  for (const auto& epoch : history) {
    Json& of_epoch = json.emplace_back(Json::array());
    for (const auto& variant : epoch) {
      Json& of_variant = of_epoch.emplace_back(Json::array());
      for (const Score& s : variant) of_variant.push_back({s.training_loss, s.loss, s.accuracy});
    }
  }
  return json;
}

/// JSON has no NaN, which is the loss of a network that diverged, and null stands for it.
double number(const Json& json) { return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>(); }

History history_from(const Json& json) {
  History history;
  for (const Json& epoch : json) {
    auto& of_epoch = history.emplace_back();
    for (const Json& variant : epoch) {
      auto& of_variant = of_epoch.emplace_back();
      for (const Json& s : variant) of_variant.push_back({number(s.at(0)), number(s.at(1)), number(s.at(2))});
    }
  }
  return history;
}

template <class T>
void append(std::string& to, const std::vector<T>& values) {
  to.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

std::uint32_t crc(const char* data, std::size_t bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const unsigned char*>(data), bytes));
}

/// Takes what append() wrote, piece by piece.
class Reader {
 public:
  Reader(const std::string& all, std::size_t at) : all_(all), at_(at) {}

  template <class T>
  std::vector<T> next(std::size_t count) {
    if (count > (all_.size() - at_) / sizeof(T)) throw std::runtime_error("its lengths do not fit");
    std::vector<T> values(count);
    std::memcpy(values.data(), all_.data() + at_, count * sizeof(T));
    at_ += count * sizeof(T);
    return values;
  }

 private:
  const std::string& all_;
  std::size_t at_;
};

SavedRun parse(const std::string& all) {
  const std::size_t line = all.find('\n');
  if (line == std::string::npos || all.find(kind) > line) throw std::runtime_error("it is no state of tune_alpha");
  std::uint32_t expected = 0;
  const std::size_t body = all.size() - sizeof expected;
  std::memcpy(&expected, all.data() + body, sizeof expected);
  if (crc(all.data(), body) != expected) throw std::runtime_error("it is damaged or cut short");
  const Json json = Json::parse(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(line));
  SavedRun run{settings_from(json.at("settings")),
               json.at("data_checksum"),
               json.at("libraries"),
               json.at("command"),
               json.at("seconds"),
               {}};
  run.state.epoch = json.at("epoch");
  run.state.step = json.at("step");
  run.state.history = history_from(json.at("history"));
  Reader reader(all, line + 1);
  for (const Json& sizes : json.at("groups")) {
    const std::size_t parameters = sizes.at(0), networks = sizes.at(1);
    State::Group group;
    group.parameters = reader.next<float>(parameters);
    group.velocities = reader.next<float>(parameters);
    group.losses = reader.next<double>(networks);
    group.hits = reader.next<double>(networks);
    run.state.groups.push_back(std::move(group));
  }
  return run;
}

}  // namespace

nlohmann::ordered_json to_json(const Settings& settings) {
  Json json;
  for_each_setting(settings, [&](const char* name, const auto& setting) { json[name] = setting; });
  return json;
}

void save(const std::string& file, const SavedRun& run) {
  Json json{{"kind", kind},
            {"settings", to_json(run.settings)},
            {"data_checksum", run.data},
            {"libraries", run.libraries},
            {"command", run.command},
            {"seconds", run.seconds},
            {"epoch", run.state.epoch},
            {"step", run.state.step},
            {"history", to_json(run.state.history)},
            {"groups", Json::array()}};
  for (const State::Group& group : run.state.groups) json["groups"].push_back({group.parameters.size(), group.losses.size()});
  std::string all = json.dump() + "\n";
  for (const State::Group& group : run.state.groups) {
    append(all, group.parameters);
    append(all, group.velocities);
    append(all, group.losses);
    append(all, group.hits);
  }
  append(all, std::vector<std::uint32_t>{crc(all.data(), all.size())});
  write_file(file, all);
}

SavedRun read_saved(const std::string& file) {
  const std::string all = read_file(file);
  try {
    return parse(all);
  } catch (const std::exception& error) {
    throw std::runtime_error(file + ": cannot be resumed: " + error.what());
  }
}

}  // namespace tune

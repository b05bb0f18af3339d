// All figures for programs, by run and by epoch, with what they rest on.
#include "report.hpp"

#include "state.hpp"

#include <nlohmann/json.hpp>

#include <ctime>

namespace tune {
namespace {

using Json = nlohmann::ordered_json;

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

Json to_json(const Report& report, std::size_t v) {
  const Row& row = report.rows[v];
  Json of_row{{"name", row.variant.name()},
              {"learned", row.variant.kind != Variant::Kind::fixed},
              {"alpha", row.variant.alpha},
              {"accuracy_mean", mean(row.accuracies)},
              {"accuracy_deviation", standard_deviation(row.accuracies)},
              {"loss_mean", mean(row.losses)},
              {"loss_deviation", standard_deviation(row.losses)},
              {"accuracies", row.accuracies},
              {"losses", row.losses},
              {"diverged_runs", row.diverged_runs()},
              {"difference", row.test.difference},
              {"t", row.test.t},
              {"p", row.test.p},
              {"ended", Json::array()},
              {"epochs", Json::array()}};
  for (const LearnedAlpha& a : row.ended)
    of_row["ended"].push_back({{"mean", a.mean}, {"smallest", a.smallest}, {"largest", a.largest}});
  for (const auto& epoch : report.history) {
    const Score s = mean_score(epoch[v]);
    of_row["epochs"].push_back({{"training_loss", s.training_loss}, {"loss", s.loss}, {"accuracy", s.accuracy}});
  }
  return of_row;
}

}  // namespace

std::string to_json(const Report& report) {
  Json json{{"schema", 1},
            {"program", "tune_alpha"},
            {"commit", TUNE_ALPHA_COMMIT},
            {"command", report.command},
            {"date", utc_now()},
            {"threads", report.threads},
            {"device", report.device},
            {"libraries", report.libraries},
            {"settings", to_json(report.settings)},
            {"networks", report.networks},
            {"steps_done", report.steps_done},
            {"steps", report.steps},
            {"seconds", report.seconds},
            {"baseline", report.rows.empty() ? Json(nullptr) : Json(report.rows[report.baseline].variant.name())},
            {"significance", report.significance()},
            {"conclusion", conclusion(report)},
            {"rows", Json::array()}};
  for (std::size_t v = 0; v < report.rows.size(); ++v) json["rows"].push_back(to_json(report, v));
  return json.dump(2) + "\n";
}

}  // namespace tune

// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "cli/color.h"
#include "cli/command.h"
#include "cli/doctor_checks.h"
#include "cli/json_output.h"
#include "cli/table.h"

#include <cstdio>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace templatefs::cli {

namespace {

struct DoctorOptions {
  bool json = false;
  bool list = false;
  ColorOption color;
  ConfigOptions config;
  StoreOptions store;
  BuilderOptions builder;
};

Tone tone_of(Verdict verdict) {
  if (verdict == Verdict::ok) return Tone::good;
  return verdict == Verdict::warn ? Tone::doubtful : Tone::bad;
}

int list() {
  for (auto const& each : kTroubles)
    std::printf("%-5s %-31s %s\n", verdict_name(each.verdict), std::string(each.name).c_str(),
                std::string(each.meaning).c_str());
  return kOk;
}

int run(DoctorOptions const& options) {
  if (options.list) return list();
  auto const findings = examine(options.config, options.store, options.builder);
  bool failed = false;
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (auto const& finding : findings) {
    failed = failed || finding.verdict == Verdict::fail;
    checks.push_back({{"check", finding.check},
                      {"verdict", verdict_name(finding.verdict)},
                      {"finding", finding.name},
                      {"found", finding.found},
                      {"remedy", finding.remedy}});
    if (options.json) continue;
    auto const word = options.color(tone_of(finding.verdict), format("{:<5}", verdict_name(finding.verdict)));
    std::printf("%s %-13s %s\n", word.c_str(), finding.check.c_str(), finding.found.c_str());
    if (!finding.remedy.empty()) std::printf("%-5s %-13s -> %s\n", "", "", finding.remedy.c_str());
  }
  if (options.json) {
    nlohmann::ordered_json const document = {
        {"schema", "templatefs.doctor/1"}, {"healthy", !failed}, {"checks", checks}};
    print_json(document);
  }
  return failed ? kDoctorFound : kOk;
}

}  // namespace

void add_doctor(CLI::App& program, Action& action) {
  auto options = std::make_shared<DoctorOptions>();
  auto* const command =
      program.add_subcommand("doctor", "Check everything that templatefs needs, by trying it");
  command->add_flag("--list", options->list, "Print all that it can find, and try nothing");
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.doctor/1");
  options->color.add_to(*command);
  options->config.add_to(*command);
  options->store.add_to(*command, true);
  options->builder.add_to(*command);
  command->footer(
      "Exit status: 0 all is well, 7 something has to be mended.\n\nExample:\n  templatefs doctor");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli

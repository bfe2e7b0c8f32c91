// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/lock_holders.h"
#include "base/log.h"
#include "base/suggest.h"
#include "cache/layout.h"
#include "cache/listing.h"
#include "cache/verify.h"
#include "cli/color.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/setup.h"
#include "cli/stop_on_signal.h"
#include "cli/transfer_progress.h"
#include "fusefs/mount.h"

#include <cerrno>
#include <chrono>
#include <cstdio>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace templatefs::cli {

namespace {

using cache::Soundness;
using Json = nlohmann::ordered_json;

/// Reading a store that is full of templates takes minutes.
constexpr auto kReadingLimit = std::chrono::hours(24);

struct VerifyOptions {
  std::vector<std::string> keys;
  bool fast = false;
  bool json = false;
  bool quiet = false;
  ColorOption color;
  ConfigOptions config;
  StoreOptions store;
};

struct Findings {
  std::vector<cache::Verified> looked_at;
  std::vector<std::string> foreign;
};

char const* word_of(Soundness soundness) {
  switch (soundness) {
    case Soundness::intact:
      return "ok";
    case Soundness::unverifiable:
      return "unverifiable";
    case Soundness::quarantined:
      return "QUARANTINED";
    case Soundness::locked:
      return "in use";
    case Soundness::gone:
      return "gone";
  }
  return "?";
}

Tone tone_of(Soundness soundness) {
  if (soundness == Soundness::intact) return Tone::good;
  return soundness == Soundness::quarantined ? Tone::bad : Tone::doubtful;
}

/// What to say of a template that is not there, perhaps because it was never called so.
std::string gone(std::vector<std::string> const& keys, std::string const& key, std::string const& finding) {
  if (std::find(keys.begin(), keys.end(), key) != keys.end()) return finding;
  auto const meant = suggestion(key, keys);
  if (meant.empty()) return finding;
  return finding.empty() ? meant : finding + ". " + meant;
}

Findings verify(VerifyOptions const& options, cache::Store const& store, std::stop_token const& stop) {
  cache::sweep(store.dir());
  auto session = cache::Session::create(store.dir(), "verify", "");
  auto const names = cache::template_names(store.dir());
  Findings out;
  if (options.keys.empty()) out.foreign = names.foreign;
  TransferProgress progress(Progress::style_of(options.json, options.quiet));
  for (auto const& key : options.keys.empty() ? names.keys : options.keys) {
    bool begun = false;
    vm::Transfer const transfer{Deadline::after(kReadingLimit), stop,
                                [&](std::string_view, std::int64_t done, std::int64_t total) {
                                  if (!begun) progress.begin("verify " + key, total);
                                  begun = true;
                                  progress.advance(done);
                                }};
    out.looked_at.push_back(cache::verify_template(
        store, session, key, options.fast ? cache::Depth::fast : cache::Depth::full, transfer));
    if (out.looked_at.back().soundness == Soundness::gone)
      out.looked_at.back().finding = gone(names.keys, key, out.looked_at.back().finding);
  }
  session.drop();
  return out;
}

std::string joined(std::vector<std::string> const& words) {
  std::string out;
  for (auto const& each : words) out += (out.empty() ? "" : ", ") + each;
  return out;
}

void print_line(cache::Verified const& each, std::string const& store, ColorOption const& color) {
  auto const word = color(tone_of(each.soundness), format("{:<12}", word_of(each.soundness)));
  std::printf("%s  %s%s%s\n", word.c_str(), each.key.c_str(), each.finding.empty() ? "" : ": ",
              each.finding.c_str());
  if (each.soundness != Soundness::quarantined) return;
  auto const place = format("{}/{}", store, cache::layout::quarantined(each.quarantine));
  std::printf("%-12s  moved to %s\n", "", place.c_str());
  if (!each.users.empty())
    std::printf("%-12s  IN USE by %s: images made of it may carry the damage; new ones come of a new build\n",
                "", describe_holders(each.users).c_str());
  if (!each.lost.empty())
    std::printf(
        "%-12s  no build makes it again: import or bake %s once more, with --replace; what is left of it:\n"
        "%-12s  %s/%s\n",
        "", joined(each.lost).c_str(), "", place.c_str(), cache::layout::kImage);
}

void print(VerifyOptions const& options, Findings const& findings, std::string const& store) {
  std::size_t intact = 0, quarantined = 0;
  for (auto const& each : findings.looked_at) {
    intact += each.soundness == Soundness::intact ? 1 : 0;
    quarantined += each.soundness == Soundness::quarantined ? 1 : 0;
    if (!options.quiet || each.soundness == Soundness::quarantined || each.soundness == Soundness::gone)
      print_line(each, store, options.color);
  }
  if (options.quiet) return;
  for (auto const& name : findings.foreign)
    std::printf("%s/%s is not ours and was left alone\n", cache::layout::kTemplates, name.c_str());
  std::printf("%zu of %zu templates are intact, %zu put into quarantine\n", intact, findings.looked_at.size(),
              quarantined);
}

void print_as_json(VerifyOptions const& options, Findings const& findings, std::string const& store) {
  Json templates = Json::array();
  for (auto const& each : findings.looked_at) {
    Json users = Json::array();
    for (auto const& user : each.users) users.push_back({{"pid", user.pid}, {"command", user.command}});
    Json row = {{"key", each.key}, {"state", word_of(each.soundness)}, {"finding", each.finding}};
    if (each.soundness == Soundness::quarantined) {
      row["state"] = "quarantined";
      row["quarantine"] = each.quarantine;
      row["in_use_by"] = users;
      row["lost_recipes"] = each.lost;
    }
    templates.push_back(std::move(row));
  }
  Json const line = {
      {"message_type", "summary"}, {"schema", "templatefs.verify/1"}, {"store", store},
      {"fast", options.fast},      {"templates", templates},          {"foreign", findings.foreign}};
  print_json_line(line);
}

int status_of(Findings const& findings, bool asked_by_key) {
  int status = kOk;
  for (auto const& each : findings.looked_at) {
    if (each.soundness == Soundness::quarantined) return kFailed;
    if (each.soundness == Soundness::gone && asked_by_key) status = kNotFound;
  }
  return status;
}

int run(VerifyOptions options) {
  fusefs::block_end_signals();
  StopOnSignal const stop;
  options.store.fill_from(options.config.load());
  auto const store = require_store(options.store);
  auto const findings = verify(options, store, stop.token());
  if (options.json)
    print_as_json(options, findings, store.path());
  else
    print(options, findings, store.path());
  return status_of(findings, !options.keys.empty());
}

}  // namespace

void add_verify(CLI::App& program, Action& action) {
  auto options = std::make_shared<VerifyOptions>();
  auto* const command =
      program.add_subcommand("verify", "Compare templates with what was recorded when they were made");
  command->add_option("key", options->keys, "Which ones, as in `templatefs ls` (default: all)")
      ->type_name("KEY");
  command->add_flag("--fast", options->fast, "Sizes and superblocks only, not the contents");
  command->add_flag("--json", options->json, "Print JSON lines: status while it runs, a summary");
  command->add_flag("-q,--quiet", options->quiet, "Print what is wrong only");
  options->color.add_to(*command);
  options->config.add_to(*command);
  options->store.add_to(*command, false);
  command->footer(
      "Exit status: 0 all is well, 1 something was put into quarantine.\n\nExample:\n  templatefs verify "
      "--fast");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli

// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/cache.h"
#include "cache/session.h"
#include "cli/command.h"
#include "cli/complain.h"
#include "cli/json_output.h"
#include "cli/progress.h"
#include "cli/setup.h"
#include "fusefs/mount.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace templatefs::cli {

namespace {

struct BuildOptions {
  std::vector<std::string> templates;
  bool json = false;
  bool quiet = false;
  ConfigOptions config;
  StoreOptions store;
  BuilderOptions builder;
};

struct Outcome {
  std::string key;
  std::optional<Error> failure;
  bool built = false;
  double seconds = 0;
};

class Run {
 public:
  Run(BuildOptions const& options, cache::Cache& cache, std::vector<cache::TemplateRequest> requests)
      : cache_(cache),
        requests_(std::move(requests)),
        outcomes_(requests_.size()),
        progress_(Progress::style_of(options.json, options.quiet), static_cast<unsigned>(requests_.size())) {}

  std::vector<Outcome> const& build_all() {
    std::vector<std::jthread> threads;
    for (std::size_t each = 0; each < requests_.size(); ++each)
      threads.emplace_back([this, each](std::stop_token const& stop) { build_one(each, stop); });
    threads.clear();
    return outcomes_;
  }

 private:
  void build_one(std::size_t index, std::stop_token const&) noexcept {
    auto const& request = requests_[index];
    auto& outcome = outcomes_[index];
    auto const started = std::chrono::steady_clock::now();
    std::string const name = request.path();
    try {
      cache::BuildWish wish{request, epoch_ms_now(), true, Deadline::after(std::chrono::seconds(600)),
                            {},      nullptr};
      wish.on_phase = [&](std::string_view phase) {
        outcome.built = outcome.built || phase == "publish";
        progress_.phase(name, phase);
      };
      outcome.key = cache_.ensure(wish)->key;
    } catch (...) {
      outcome.failure = to_error(std::current_exception());
    }
    outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    progress_.finished(name);
  }

  cache::Cache& cache_;
  std::vector<cache::TemplateRequest> const requests_;
  std::vector<Outcome> outcomes_;  // one a request; each written by one thread
  Progress progress_;
};

void print(BuildOptions const& options, cache::TemplateRequest const& request, Outcome const& outcome) {
  if (options.json) {
    nlohmann::ordered_json line = {{"message_type", "summary"},
                                   {"schema", "templatefs.build/1"},
                                   {"template", request.path()},
                                   {"key", outcome.key},
                                   {"state", outcome.failure ? "failed" : "ready"},
                                   {"built", outcome.built},
                                   {"elapsed_ms", static_cast<std::int64_t>(outcome.seconds * 1000)}};
    if (outcome.failure) {
      line["errno"] = errno_name(outcome.failure->err());
      line["message"] = outcome.failure->sentence();
    }
    print_json_line(line);
  } else if (outcome.failure) {
    std::fprintf(stderr, "templatefs: %s: %s\n", request.path().c_str(), outcome.failure->sentence().c_str());
  } else if (!options.quiet) {
    std::printf("%s  %s  %s\n", request.path().c_str(), outcome.key.c_str(),
                outcome.built ? format("built in {:.1f} s", outcome.seconds).c_str() : "was there already");
  }
}

int run(BuildOptions options) {
  auto const config = options.config.load();
  options.store.fill_from(config);
  options.builder.fill_from(config);
  auto const recipes = config.recipe_book();
  std::vector<cache::TemplateRequest> requests;
  for (auto const& text : options.templates) {
    std::optional<cache::TemplateRequest> parsed;
    try {
      parsed = cache::parse_request(recipes, text);
      cache::require_possible(*parsed);
    } catch (Error const& error) {
      return complain(error, kUsage);
    }
    auto const& request = *parsed;
    if (std::find(requests.begin(), requests.end(), request) == requests.end()) requests.push_back(request);
  }
  auto const store = cache::Store::open(options.store.resolve());
  cache::sweep(store.dir());
  auto session = cache::Session::create(store.dir(), "build", "");
  auto const builder = options.builder.make(store);
  cache::Cache cache(store, session, *builder, build_slots());

  int status = kOk;
  std::vector<Outcome> outcomes;
  {
    Run building(options, cache, requests);
    outcomes = building.build_all();
  }
  for (std::size_t each = 0; each < requests.size(); ++each) {
    print(options, requests[each], outcomes[each]);
    if (outcomes[each].failure)
      status = outcomes[each].failure->err() == ETIMEDOUT ? kTimedOut : kBuildFailed;
  }
  return status;
}

}  // namespace

void add_build(CLI::App& program, Action& action) {
  auto options = std::make_shared<BuildOptions>();
  auto* const command = program.add_subcommand("build", "Build templates ahead of their first open");
  command->add_option("template", options->templates, "Which ones: btrfs/256M, ext4/1G, rootfs/auto, ...")
      ->required()
      ->type_name("RECIPE/CAPACITY");
  command->add_flag("--json", options->json, "Print JSON lines: status while it runs, a summary each");
  command->add_flag("-q,--quiet", options->quiet, "Print failures only");
  options->config.add_to(*command);
  options->store.add_to(*command, true);
  options->builder.add_to(*command);
  command->footer("Example:\n  templatefs build btrfs/256M ext4/1G rootfs/auto");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli

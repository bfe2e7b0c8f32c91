// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "cli/top_screen.h"

#include <algorithm>
#include <map>

#include <CLI/CLI.hpp>

namespace templatefs::cli {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kTopPeriod = 1000ms;
constexpr std::size_t kFailures = 20;

/// Counts per second from two looks.
class Rates {
 public:
  /// 0 at the first look, and where a counter began anew.
  double of(std::string const& what, std::int64_t count, Clock::time_point now) {
    auto const [at, is_new] = known_.try_emplace(what, Known{count, now, 0});
    auto& known = at->second;
    std::chrono::duration<double> const passed = now - known.at;
    if (!is_new && passed >= 500ms) {
      known.rate = std::max(0.0, static_cast<double>(count - known.count) / passed.count());
      known.count = count;
      known.at = now;
    }
    return known.rate;
  }

 private:
  struct Known {
    std::int64_t count;
    Clock::time_point at;
    double rate;
  };
  std::map<std::string, Known> known_;
};

TopView look(std::vector<std::string> const& mount_points, Rates& rates) {
  TopView view;
  view.time = rfc3339(epoch_ms_now());
  for (auto const& mount_point : mount_points) {
    TopMount mount{look_at_mount(mount_point)};
    auto const now = Clock::now();
    mount.opens_per_second = rates.of(mount_point + " opens", mount.now.number("/counters/opens"), now);
    mount.failures_per_second =
        rates.of(mount_point + " failed", mount.now.number("/counters/opens_failed"), now);
    if (mount.now.answers()) {
      for (auto const& build : builds_of(mount.now)) view.builds.push_back(build);
      for (auto const& record : last_failures(mount_point, kFailures))
        view.failures.push_back(record.substr(0, record.find('\n')));
    }
    view.mounts.push_back(std::move(mount));
  }
  // They begin with their time.
  std::sort(view.failures.rbegin(), view.failures.rend());
  return view;
}

int run(std::string const& mount_point) {
  block_terminal_signals();
  std::vector<std::string> named;
  if (!mount_point.empty()) named.push_back(mount_point);
  auto const mount_points = mounts_to_show(named);
  if (mount_points.empty()) return kNotFound;
  Terminal terminal;
  Rates rates;
  for (;;) {
    auto const view = look(mount_points, rates);
    auto const next = Clock::now() + kTopPeriod;
    for (auto event = Terminal::Event::resized; Clock::now() < next;) {
      if (event == Terminal::Event::resized && !terminal.draw(top_screen(view, terminal.size()))) return kOk;
      event = terminal.wait(std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()));
      if (event == Terminal::Event::quit) return kOk;
    }
  }
}

}  // namespace

void add_top(CLI::App& program, Action& action) {
  auto mount_point = std::make_shared<std::string>();
  auto* const command =
      program.add_subcommand("top", "Show mounts, builds and who waits, live on a terminal");
  command->add_option("mount_point", *mount_point, "Of this mount (default: all)")->type_name("MNT");
  command->footer("q quits.\n\nExample:\n  templatefs top /mnt/templates");
  command->callback([mount_point, &action] { action = [mount_point] { return run(*mount_point); }; });
}

}  // namespace templatefs::cli

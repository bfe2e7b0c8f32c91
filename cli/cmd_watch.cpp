// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "base/log.h"
#include "cli/build_watch.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/progress.h"
#include "cli/report_text.h"
#include "cli/stop_on_signal.h"
#include "fusefs/mount.h"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <mutex>

#include <CLI/CLI.hpp>

#include <unistd.h>

namespace templatefs::cli {

namespace {

using namespace std::chrono_literals;

constexpr auto kWatchPeriod = 250ms;

struct WatchOptions {
  std::string mount_point;
  bool json = false;
};

/// False once a stop is requested.
bool wait_a_period(std::stop_token const& stop) {
  std::mutex own;
  std::condition_variable_any never;
  std::unique_lock lock(own);
  never.wait_for(lock, stop, kWatchPeriod, [] { return false; });
  return !stop.stop_requested();
}

char const* word_of(BuildEvent::Kind kind) {
  return kind == BuildEvent::Kind::phase ? "phase" : kind == BuildEvent::Kind::done ? "done" : "failed";
}

/// What a build is at, to follow its path.
std::string progress_of(WatchedBuild const& build) {
  return format(": {}, {}, {} waiting", build.phase, elapsed_text(build.elapsed), build.waiters);
}

/// In so many columns, at the cost of the path's beginning.
std::string live_line(WatchedBuild const& build, std::size_t columns) {
  auto const progress = progress_of(build);
  auto const left = columns > progress.size() ? columns - progress.size() : 0;
  return cut_to(cut_front_to(build.path(), std::max(left, build.name.size() + 1)) + progress, columns);
}

std::string to_line(BuildEvent const& event) {
  auto const& build = event.build;
  auto const now = rfc3339(epoch_ms_now());
  if (event.kind == BuildEvent::Kind::phase) return now + " " + build.path() + progress_of(build);
  if (event.kind == BuildEvent::Kind::done)
    return format("{} {}: done in {}", now, build.path(), elapsed_text(build.elapsed));
  return format("{} {}: failed after {}: {}", now, build.path(), elapsed_text(build.elapsed),
                event.failure.substr(0, event.failure.find('\n')));
}

std::string to_json_line(BuildEvent const& event) {
  auto const& build = event.build;
  nlohmann::ordered_json line = {{"schema", "templatefs.watch/1"},
                                 {"time", rfc3339(epoch_ms_now())},
                                 {"event", word_of(event.kind)},
                                 {"mount_point", build.mount_point},
                                 {"template", build.name},
                                 {"phase", build.phase},
                                 {"elapsed_ms", build.elapsed.count()},
                                 {"images", build.images},
                                 {"waiters", build.waiters}};
  if (!event.failure.empty()) line["failure"] = event.failure;
  return json_line(line);
}

/// The lines at the bottom of a terminal that are drawn anew at each look, one a build.
class LiveLines {
 public:
  void erase() {
    for (; drawn_ > 0; --drawn_) std::fputs("\033[A\r\033[K", stdout);
  }
  void draw(std::vector<WatchedBuild> const& builds) {
    for (auto const& build : builds) {
      std::printf("%s\n", live_line(build, terminal_size(STDOUT_FILENO).columns - 1).c_str());
      ++drawn_;
    }
  }

 private:
  unsigned drawn_ = 0;
};

int run(WatchOptions const& options) {
  fusefs::block_end_signals();
  StopOnSignal const stop;
  std::vector<std::string> named;
  if (!options.mount_point.empty()) named.push_back(options.mount_point);
  auto const mount_points = mounts_to_show(named);
  if (mount_points.empty()) return kNotFound;
  bool const live = !options.json && ::isatty(STDOUT_FILENO) == 1;
  BuildWatch watch;
  LiveLines lines;
  do {
    auto const events = watch.look(mount_points);
    lines.erase();
    for (auto const& event : events) {
      // The live lines show the phases.
      if (live && event.kind == BuildEvent::Kind::phase) continue;
      std::printf("%s\n", options.json ? to_json_line(event).c_str() : to_line(event).c_str());
    }
    if (live) lines.draw(watch.running());
    // Whoever read what we print has seen enough.
    if (std::fflush(stdout) != 0) return kOk;
  } while (watch.answering() > 0 && wait_a_period(stop.token()));
  if (watch.answering() == 0) std::fputs("templatefs: nothing is mounted there any more\n", stderr);
  return kOk;
}

}  // namespace

void add_watch(CLI::App& program, Action& action) {
  auto options = std::make_shared<WatchOptions>();
  auto* const command = program.add_subcommand("watch", "Show builds as they happen, until interrupted");
  command->add_option("mount_point", options->mount_point, "Of this mount (default: all)")->type_name("MNT");
  command->add_flag("--json", options->json, "Print JSON lines, schema templatefs.watch/1");
  command->footer(
      "Looks four times a second, and ends when the mount does.\n\n"
      "Example:\n  templatefs watch /mnt/templates");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli

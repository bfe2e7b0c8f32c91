// SPDX-License-Identifier: Apache-2.0
#include "vm/host_builder.h"

#include "base/error.h"
#include "vm/console_log.h"
#include "vm/filesystem.h"
#include "vm/formatter.h"
#include "vm/logged_child.h"
#include "vm/sparsify.h"

#include <cerrno>
#include <cstring>

#include <sys/statvfs.h>

namespace templatefs::vm {

namespace {

bool is_formatted(BuildSpec const& spec) {
  return !spec.filesystem->formatter.empty();
}

/// A formatter's exit status does not tell a full disk from other failures.
bool looks_full(std::string const& image_path, std::string const& output) {
  struct statvfs fs {};
  bool const no_blocks = ::statvfs(image_path.c_str(), &fs) == 0 && fs.f_bavail == 0;
  return no_blocks || output.find(std::strerror(ENOSPC)) != std::string::npos;
}

void refuse_seed(BuildSpec const& spec) {
  if (spec.seed)
    throw Error(EOPNOTSUPP, "fill a template from the seed " + spec.seed->path + " on the host",
                "The guest's kernel puts a seed in: use --builder=guest");
}

}  // namespace

std::vector<Input> HostBuilder::inputs(BuildSpec const& spec) {
  refuse_seed(spec);
  if (!is_formatted(spec)) return {{"builder", "none"}, {"formatter_version", "noversion"}};
  std::vector<Input> out{{"builder", "host"}};
  for (auto& input : find_formatter(*spec.filesystem).inputs()) out.push_back(std::move(input));
  return out;
}

std::vector<std::string> HostBuilder::watched_files(BuildSpec const& spec) {
  if (!is_formatted(spec)) return {};
  return find_formatter(*spec.filesystem).files();
}

BuildReport HostBuilder::build(BuildSpec const& spec, std::string const& image_path,
                               std::string const& log_path, PhaseListener const& on_phase,
                               std::stop_token const& stop) {
  refuse_seed(spec);
  BuildReport report;
  report.accelerator = "none";
  report.not_mounted =
      is_formatted(spec) ? "the host's formatter ran without a guest" : "there is no filesystem on it";
  if (!is_formatted(spec)) return report;

  auto const deadline = Deadline::after(options_.time_limit);
  auto const start = Deadline::Clock::now();
  report.formatter = find_formatter(*spec.filesystem).version_line();
  if (on_phase) on_phase("format");

  ConsoleLog log(log_path);
  auto const status =
      run_logged(formatter_command(spec, image_path), {}, "the formatter", log, deadline, stop);
  if (!status.success()) {
    if (looks_full(image_path, log.tail()))
      throw Error(ENOSPC, "the image's filesystem is full", "Free some space there");
    throw Error(EIO, "the formatter failed with " + status.describe(), log.tail_for_people());
  }
  punch_zeroes(image_path);
  punch_unwritten(image_path);
  std::chrono::duration<double> const took = Deadline::Clock::now() - start;
  report.phases.emplace_back("format", took.count());
  return report;
}

}  // namespace templatefs::vm

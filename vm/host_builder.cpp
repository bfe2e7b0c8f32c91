// SPDX-License-Identifier: Apache-2.0
#include "vm/host_builder.h"

#include "base/child.h"
#include "base/error.h"
#include "base/fd.h"
#include "vm/console_log.h"
#include "vm/filesystem.h"
#include "vm/formatter.h"
#include "vm/sparsify.h"
#include "vm/stop_event.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

bool is_formatted(BuildSpec const& spec) {
  return !spec.filesystem->formatter.empty();
}

/// Reads until the command closes its output, which a background child of it may do late: hence the deadline.
void copy_output(int pipe, ConsoleLog& log, Deadline deadline, std::stop_token const& stop) {
  StopEvent const stop_event(stop);
  char buffer[4096];
  for (;;) {
    std::array<pollfd, 2> fds{pollfd{pipe, POLLIN, 0}, {stop_event.fd(), POLLIN, 0}};
    if (::poll(fds.data(), fds.size(), deadline.remaining_ms()) < 0 && errno != EINTR)
      throw_errno("wait for", "the formatter");
    if (stop.stop_requested()) throw Error(ECANCELED, "the formatter was stopped");
    if (deadline.passed())
      throw Error(ETIMEDOUT, "the formatter did not finish in time", log.tail_for_people());
    if (fds[0].revents == 0) continue;
    auto const got = ::read(pipe, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    log.append({buffer, static_cast<std::size_t>(got)});
  }
}

/// A formatter's exit status does not tell a full disk from other failures.
bool looks_full(std::string const& image_path, std::string const& output) {
  struct statvfs fs {};
  bool const no_blocks = ::statvfs(image_path.c_str(), &fs) == 0 && fs.f_bavail == 0;
  return no_blocks || output.find(std::strerror(ENOSPC)) != std::string::npos;
}

}  // namespace

std::vector<Input> HostBuilder::inputs(BuildSpec const& spec) {
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
  BuildReport report;
  report.accelerator = "none";
  report.not_mounted =
      is_formatted(spec) ? "the host's formatter ran without a guest" : "there is no filesystem on it";
  if (!is_formatted(spec)) return report;

  auto const deadline = Deadline::after(options_.time_limit);
  auto const start = Deadline::Clock::now();
  report.formatter = find_formatter(*spec.filesystem).version_line();
  if (on_phase) on_phase("format");

  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "make", "a pipe");
  Fd const reader(ends[0]);
  Fd writer(ends[1]);
  ConsoleLog log(log_path);
  Child child = Child::spawn(formatter_command(spec, image_path),
                             {{{1, writer.get()}, {2, writer.get()}}, {"LC_ALL=C"}});
  writer.reset();
  copy_output(reader.get(), log, deadline, stop);
  auto const status = child.wait(deadline);
  if (!status) throw Error(ETIMEDOUT, "the formatter did not finish in time", log.tail_for_people());
  if (!status->success()) {
    if (looks_full(image_path, log.tail()))
      throw Error(ENOSPC, "the image's filesystem is full", "Free some space there");
    throw Error(EIO, "the formatter failed with " + status->describe(), log.tail_for_people());
  }
  punch_zeroes(image_path);
  punch_unwritten(image_path);
  std::chrono::duration<double> const took = Deadline::Clock::now() - start;
  report.phases.emplace_back("format", took.count());
  return report;
}

}  // namespace templatefs::vm

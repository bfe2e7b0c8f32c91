// SPDX-License-Identifier: Apache-2.0
#include "cli/service_status.h"

#include "base/log.h"
#include "base/service_manager.h"
#include "fusefs/status.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

#include <unistd.h>

namespace templatefs::cli {

namespace {

constexpr auto kLookPeriod = std::chrono::seconds(1);

/// "2 images, 1 open; building btrfs/256M"
std::string status_line(fusefs::Filesystem& fs) {
  auto const view = fusefs::look_at_mount(fs);
  auto line = format("STATUS={}: {} image{}, {} open", fs.options.mount_point, view.images_existing,
                     view.images_existing == 1 ? "" : "s", view.images_open);
  char const* before = "; building ";
  for (auto const& build : view.builds) {
    line += before + build.path;
    before = ", ";
  }
  return line;
}

void tell_of_changes(std::stop_token const& stop, fusefs::Filesystem& fs, std::string told) {
  std::mutex own;
  std::condition_variable_any never;
  std::unique_lock lock(own);
  while (!never.wait_for(lock, stop, kLookPeriod, [&] { return stop.stop_requested(); })) {
    auto line = status_line(fs);
    if (line != told) tell_service_manager(line);
    told = std::move(line);
  }
}

}  // namespace

ServiceStatus::ServiceStatus(fusefs::Filesystem& fs) {
  if (!has_service_manager()) return;
  auto const line = status_line(fs);
  tell_service_manager(format("READY=1\nMAINPID={}\n{}", ::getpid(), line));
  thread_ = std::jthread([&fs, line](std::stop_token const& stop) { tell_of_changes(stop, fs, line); });
}

ServiceStatus::~ServiceStatus() {
  if (!thread_.joinable()) return;
  tell_service_manager("STOPPING=1\nSTATUS=unmounting");
}

}  // namespace templatefs::cli

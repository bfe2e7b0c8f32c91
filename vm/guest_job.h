// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace templatefs::vm {

/// How the guest fills a filesystem from its second disk.
struct GuestFill {
  std::int64_t disk_size = 0;       // bytes
  std::string disk_type;            // for mount(2); empty where the disk is a tar
  std::vector<std::string> pack;    // argv that turns the mounted disk into a tar; empty where it is one
  std::vector<std::string> unpack;  // argv that reads the tar into the filesystem
  std::optional<Error> overflow;    // stays here: what is thrown where it does not fit
};

/// Where the guest mounts the second disk.
inline constexpr char kSeedMountInGuest[] = "/seed";
inline constexpr char kSeedDiskInGuest[] = "/dev/vdb";
/// Where it mounts the filesystem that it made.
inline constexpr char kMountInGuest[] = "/mnt";

/// One build as the guest is told it over the report port (vm/guest/job.h reads it).
struct GuestJob {
  std::int64_t time_ns = 0;              // since the epoch
  std::string seed;                      // hex of random bytes: no two guests may draw the same UUIDs
  std::int64_t size = 0;                 // of the disk, bytes
  std::vector<std::string> arguments;    // the formatter's, [0] being its path in the guest; empty: not run
  std::vector<std::string> environment;  // NAME=value
  std::string mount_type;                // empty for no trial mount; Filesystem::kSwapArea
  std::string mount_options;
  std::optional<GuestFill> fill;
};

/// Throws Error(EINVAL) for a text with a newline or a NUL in it, which the protocol cannot carry, and E2BIG.
std::string encode_job(GuestJob const& job);

/// One line the guest said.
struct GuestEvent {
  std::string name;  // "ready", "started", "formatted", "mounted", "mount-failed", "filled", "done", "failed"
  std::string kernel;  // ready: uname -r
  std::string step;    // failed: which
  int err = 0;
  int status = 0;  // failed: a wait status
  long ms = 0;
};

/// Empty for a line that is no event: a broken guest may say anything.
std::optional<GuestEvent> parse_guest_event(std::string_view line);

/// "the formatter failed with exit status 1" for a "failed" event.
std::string describe_failure(GuestEvent const& event);

}  // namespace templatefs::vm

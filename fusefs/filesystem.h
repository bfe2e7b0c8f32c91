// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/capacity.h"
#include "base/guarded.h"
#include "cache/cache.h"
#include "cache/recipe.h"
#include "cache/session.h"
#include "fusefs/connection.h"
#include "fusefs/control_files.h"
#include "fusefs/error_records.h"
#include "fusefs/image_usage.h"
#include "fusefs/job_pool.h"
#include "fusefs/late_naming.h"
#include "fusefs/node_table.h"
#include "fusefs/parked_requests.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace templatefs::fusefs {

/// A template on its way, and the images that wait for it.
struct BuildJob {
  /// Of its user's builds: whether it is one of those that the quota lets run at a time.
  enum class Turn { not_needed, waits, has };

  cache::TemplateRequest request;
  std::string phase;
  std::chrono::steady_clock::time_point since;
  std::vector<fuse_ino_t> images;
  uid_t uid;  // who asked first, or could go on first
  Turn turn = Turn::not_needed;
};

/// Numbers for status.json and metrics.
struct Counters {
  std::atomic<std::uint64_t> opens{0};  // of images, answered with success
  std::atomic<std::uint64_t> opens_failed{0};
  std::atomic<std::uint64_t> images_made{0};
  std::atomic<std::uint64_t> images_dropped{0};
  std::atomic<std::uint64_t> template_hits{0};   // images made from a template that was open already
  std::atomic<std::uint64_t> template_waits{0};  // look-ups that had to wait: disk, peer or build
};

/// Everything one mount's operations share.
///
/// Threads: libfuse's workers run the operations, the job pool runs what waits (builds, peers' locks), the
/// main thread ticks. Locks, all leaves, never held across a system call, a reply or each other: the node
/// table, the parked requests, the jobs, the links, the error records, and the cache's own.
struct Filesystem {
  struct Options {
    std::string mount_point;  // absolute
    Capacity largest = Capacity::of_mib(std::int64_t{64} << 20);
    std::vector<std::string> config_files = {};  // what the recipes were read from, for status.json
  };

  Filesystem(Options options_of_mount, cache::RecipeBook const& book, cache::Cache& templates,
             cache::Session const& session_of_mount);

  static Filesystem& of(Request const& request) {
    return *static_cast<Filesystem*>(fuse_req_userdata(request.get()));
  }

  /// From now on; thread-safe.
  void set_quota(Quota const& quota) {
    nodes.with([&](NodeTable& table) { table.holdings.quota = quota; });
  }

  Options const options;
  cache::RecipeBook const& recipes;
  cache::Cache& cache;
  cache::Session const& session;
  std::int64_t const started_ns;  // wall clock, for the times of what has none of its own
  uid_t const owner_uid;
  gid_t const owner_gid;

  Connection connection;
  ParkedRequests parked;
  ErrorRecords errors;
  Counters counters;
  ControlFiles control_files;
  Guarded<NodeTable> nodes;
  Guarded<std::map<std::pair<cache::Recipe const*, std::int64_t>, BuildJob>> jobs;
  /// Recipes whose `auto` is being found out, and the parked requests that ask for it.
  Guarded<std::map<cache::Recipe const*, std::vector<std::uint64_t>>> auto_links;
  LateNaming late_naming;
  ImageUsage usage;
  JobPool pool;  // last: joined before what its jobs use is destroyed
};

}  // namespace templatefs::fusefs

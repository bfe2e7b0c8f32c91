// SPDX-License-Identifier: Apache-2.0
#include "fusefs/filesystem.h"

#include "base/files.h"

#include <unistd.h>

namespace templatefs::fusefs {

Filesystem::Filesystem(Options options_of_mount, cache::RecipeBook const& book, cache::Cache& templates,
                       cache::Session const& session_of_mount)
    : options(std::move(options_of_mount)),
      recipes(book),
      cache(templates),
      session(session_of_mount),
      started_ns(epoch_ms_now() * 1'000'000),
      owner_uid(::geteuid()),
      owner_gid(::getegid()),
      pool(64) {}

}  // namespace templatefs::fusefs

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/setup.h"

#include <string>
#include <vector>

namespace templatefs::cli {

enum class Verdict { ok, warn, fail };

struct Finding {
  Verdict verdict;
  std::string check;   // "passthrough"
  std::string found;   // what is there
  std::string remedy;  // what to do; empty where all is well
};

/// Tries everything: store and reflink, /dev/fuse and fusermount3, a mount with its passthrough, kernel and
/// modules, formatters, QEMU, the accelerator, dead mounts. Leaves nothing behind; makes no store where there
/// is none.
std::vector<Finding> examine(StoreOptions const& store_options, BuilderOptions const& builder_options);

/// The part of it that is about the template guest.
void examine_guest(std::vector<Finding>& findings, BuilderOptions const& builder_options,
                   cache::Store const* store);

}  // namespace templatefs::cli

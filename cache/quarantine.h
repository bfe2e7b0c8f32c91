// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace templatefs::cache {

/// A template that was found damaged and is kept for whoever wants to know why. Nothing uses it, and no sweep
/// takes it.
struct QuarantinedTemplate {
  std::string name;    // in quarantine/: "<key>-<time>-<random>"
  std::string reason;  // a sentence
  std::int64_t allocated_bytes = 0;
};

/// Moves a template out of the way of the next open, which builds it anew; its new name, or empty where it is
/// gone already. The caller holds the key's lock, shared or exclusive, from before it looked at the template:
/// so nobody can have published another one under the key. The image loses its mode, which is what a mount
/// that has it open sees when it looks whether it may still clone from it. Throws Error.
std::string quarantine_template(int store_dir, std::string const& key, std::string const& reason);

/// By name. Names that are not ours are not among them.
std::vector<QuarantinedTemplate> list_quarantine(int store_dir);

/// Removes them all, as clean() does (cache/clean.h); how many.
unsigned empty_quarantine(int store_dir);

}  // namespace templatefs::cache

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/guarded.h"
#include "cache/fan_out.h"
#include "cache/lookup_or_build.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace templatefs::cache {

/// One process's view of a store: templates by request, kept open and pinned while they are in use.
/// Thread-safe.
///
/// Who owns what: the maps hold shared pointers, and a caller that clones from a template holds another, so a
/// template let go for idleness stays pinned to the end of a clone that is under way.
class Cache {
 public:
  /// Store, session and builder are borrowed and outlive the cache.
  Cache(Store const& store, Session const& session, vm::Builder& builder, unsigned build_slots);

  /// A template that is open already and still current: no wait, no exec. Null where ensure() is needed.
  std::shared_ptr<PinnedTemplate const> warm(TemplateRequest const& request);

  /// Looked up or built; blocks. Throws what lookup_or_build throws.
  std::shared_ptr<PinnedTemplate const> ensure(BuildWish const& wish);

  /// A private image from a template: `name` in the directory `dir`, open for reading and writing.
  Fd make_image(PinnedTemplate const& from, int dir, std::string const& name) {
    return fan_out_.make_image(from.image.get(), from.bytes, dir, name);
  }

  /// Lets go of templates unused for a minute, so that a long-lived mount pins nothing for ever.
  void drop_idle();

  Rung rung() const noexcept { return fan_out_.rung(); }
  Store const& store() const noexcept { return store_; }

 private:
  struct FileIdentity {
    std::string path;
    std::uint64_t device, inode, size;
    std::int64_t mtime_ns, ctime_ns;
    friend bool operator==(FileIdentity const&, FileIdentity const&) = default;
  };
  struct Entry {
    std::shared_ptr<PinnedTemplate const> pinned;
    std::shared_ptr<std::vector<FileIdentity> const>
        inputs;  // what decided the key, as it was; the formatter first
    std::chrono::steady_clock::time_point used;
    std::chrono::steady_clock::time_point inputs_checked;
  };
  using RequestId = std::pair<Recipe const*, std::int64_t>;

  static FileIdentity identify(std::string const& path);
  static bool still_current(Entry const& entry, bool all_inputs);

  Store const& store_;
  Session const& session_;
  vm::Builder& builder_;
  BuildSlots slots_;
  FanOut fan_out_;
  Guarded<std::map<RequestId, Entry>> entries_;
};

}  // namespace templatefs::cache

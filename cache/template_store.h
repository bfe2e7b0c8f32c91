// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"
#include "base/file_lock.h"
#include "cache/manifest.h"
#include "cache/recipe.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace templatefs::cache {

/// A published template, open read-only, with the shared lock that keeps clean-ups away from it.
struct PinnedTemplate {
  Fd image;
  FileLock pin;
  std::string key;
  std::int64_t bytes;
  /// Held by whoever clones it, across the system calls: in the kernel clones of one file wait for each other
  /// too, and with much ado.
  std::unique_ptr<std::mutex> turn = std::make_unique<std::mutex>();
};

/// One that several use: it stays pinned for the last of them.
using SharedTemplate = std::shared_ptr<PinnedTemplate const>;

/// What one look at the store found.
enum class Presence {
  missing,  // nothing there, or something torn: build it
  ready,
  locked,  // its lock is held exclusively: being built, rebuilt or cleaned
};

/// The published templates of a store. Stateless over the directory; safe from any thread and process.
class TemplateStore {
 public:
  explicit TemplateStore(int store_dir) : store_dir_(store_dir) {}

  struct Look {
    Presence presence;
    std::optional<PinnedTemplate> found;  // where ready
  };
  /// Looks for a whole template (regular file, exact size, superblock magic) and pins it. Touches no lock
  /// file where there is no template. Throws Error for anything but a plain yes or no.
  Look pin(std::string const& key, TemplateRequest const& request) const;

  /// The same for the holder of the key's exclusive lock, which needs no second one.
  Fd open_whole(std::string const& key, TemplateRequest const& request) const;

  /// Publishes `staging_dir`/`entry`, a directory holding image, manifest and log, as templates/<key>: image
  /// made read-only, everything synced, one rename that never replaces, the parent synced. A whole template
  /// that is there already wins and ours is discarded; a torn one is moved away and removed. The caller holds
  /// the key's exclusive lock. Throws Error; then nothing was published.
  void publish(int staging_dir, std::string const& entry, std::string const& key,
               TemplateRequest const& request) const;

  /// Removes a template. The caller holds the key's exclusive lock. It is renamed into `staging_dir` first,
  /// so that no reader ever sees half of it.
  void remove(int staging_dir, std::string const& key) const;

 private:
  int store_dir_;  // borrowed
};

/// Says that a template is in use now, by the time of its lock file; writes it once a minute at most.
void note_use(PinnedTemplate const& pinned) noexcept;

/// When it was last used, to a minute, or made: milliseconds since the epoch; -1 where there is none.
std::int64_t last_use_ms(int store_dir, std::string const& key);

/// Whether an open file is a whole template of this request: the superblock's magic and the exact size.
bool is_whole(int fd, TemplateRequest const& request);

}  // namespace templatefs::cache

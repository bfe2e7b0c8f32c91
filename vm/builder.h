// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/capacity.h"
#include "base/deadline.h"
#include "vm/seed.h"

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace templatefs::vm {

struct Filesystem;

/// What to make: a filesystem of this kind, of this capacity, with these extra formatter arguments.
struct BuildSpec {
  Filesystem const* filesystem;  // from the table in vm/filesystem.h, never null
  Capacity capacity;
  std::vector<std::string> arguments;  // after the built-in ones, before the device; never through a shell
  std::string kernel = {};             // path of the guest's kernel; empty: the builder's own choice
  std::optional<Seed> seed = {};       // what it is filled from once it is formatted
  std::string label = {};              // empty: none
  std::string uuid = {};               // in the filesystem's form; empty: what the formatter draws
};

/// One input that decides a template's bytes, for the key and for `templatefs why`.
struct Input {
  std::string field;  // "kernel_version"
  std::string value;
};

/// What a build found out, for the manifest.
struct BuildReport {
  std::string accelerator;  // "kvm", "tcg", or "none" where no guest ran
  std::string kernel;       // version of the kernel that mounted it; empty where none did
  std::string formatter;    // as its banner tells the version; empty for raw
  bool mounted = false;     // the kernel mounted the result read-write and unmounted it (swap: on and off)
  std::vector<std::pair<std::string, double>> phases;  // "boot", "format", "mount": seconds each
  std::string not_mounted = {};                        // why the kernel did not
};

/// Called as a build enters a phase: "boot", "format", "mount", "sync"; with a seed also "pack" (a directory
/// or a compressed tar, before "boot") and "fill" (before "sync"). From the building thread; must not throw.
using PhaseListener = std::function<void(std::string_view phase)>;

/// The seam between the cache and whatever formats an image. Implementations are safe to call from many
/// threads.
class Builder {
 public:
  virtual ~Builder() = default;

  /// Everything on which the bytes depend besides filesystem, capacity and arguments: formatter, its
  /// libraries and configuration, builder kind, guest kernel, seed. Cheap when repeated (digests are memoised
  /// by file identity; a seed that is a directory is walked each time). Throws Error: ENOPKG naming the
  /// package to install where something is missing, EOPNOTSUPP where this cannot be filled from a seed, and
  /// what seed_digest throws.
  virtual std::vector<Input> inputs(BuildSpec const& spec) = 0;

  /// Files whose change would change inputs(); a caller that keeps a template in use may stat them to notice.
  /// A directory's own times do not tell of a change deep inside it.
  virtual std::vector<std::string> watched_files(BuildSpec const& spec) = 0;

  /// What its guests run on, as far as that is known without trying: "kvm", "tcg", "none" where it needs no
  /// guest; empty where nobody has tried yet. Waits for nothing.
  virtual std::string known_accelerator() = 0;

  /// Formats the image at `image_path`: an existing sparse file of exactly the capacity. Appends what
  /// formatter and guest print to `log_path`. Returns only if the guest vouched for the result. Throws Error:
  /// ENOPKG (something is not installed), EIO (formatter or guest failed; the sentence holds the console's
  /// last 20 lines), ETIMEDOUT (limit reached), ENOSPC (the image's filesystem is full, or the seed does not
  /// fit), ECANCELED (stop requested), EAGAIN (the seed changed meanwhile), and what seed_size throws. What
  /// it writes besides the image has no name. Leaves no process behind, whatever happens.
  virtual BuildReport build(BuildSpec const& spec, std::string const& image_path, std::string const& log_path,
                            PhaseListener const& on_phase, std::stop_token const& stop) = 0;
};

}  // namespace templatefs::vm

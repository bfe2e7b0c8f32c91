// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

// A rename takes as long as all else that the open of an image made ahead does, and many images are gone
// before anybody looks for their files. So such a file stays among the spares (cache/spares.h) for a while,
// and a journal in the session's images says what each is to be called. Nothing depends on who wrote it:
// whoever lists the images or takes them over reads it.
namespace templatefs::cache {

/// A file among the spares that belongs to an image already. False: there is none.
struct LateName {
  std::uint64_t spare = 0;   // its name; never used again in a session
  std::uint32_t record = 0;  // in the journal

  explicit operator bool() const noexcept { return spare != 0; }
  friend bool operator==(LateName const&, LateName const&) = default;
  std::string file() const { return std::to_string(spare); }
};

/// The journal of a session that lives: a record for each such file. One whose file is gone says nothing, so
/// none is ever erased; their places are used again. Written without a sync: it is to outlive this process,
/// and who needs more gives the image its name first. Thread-safe.
class LateNames {
 public:
  /// Borrows the directory of the session's images.
  explicit LateNames(int images_dir) : images_dir_(images_dir) {}

  /// Makes the journal: with the first image, so that what a mount has open does not grow with the next.
  void prepare() noexcept;
  /// `path` is the image's below that directory. Nothing where it cannot be noted: it has to be renamed now.
  std::optional<LateName> note(std::uint64_t spare, std::string const& path) noexcept;
  /// The file was renamed, or removed.
  void forget(LateName const& name) noexcept;

 private:
  void open_journal();

  int const images_dir_;
  std::mutex mutex_;
  Fd journal_;
  std::uint32_t records_ = 0;
  std::vector<std::uint32_t> free_;
};

/// Calls visit(path, file), both below the images' directory, for each file that has yet to get its name.
/// Throws Error.
void for_each_late_name(int images_dir,
                        std::function<void(std::string const& path, std::string const& file)> const& visit);

/// Gives them their names: in a session whose process is gone. One that cannot have it is logged and left.
/// Throws Error.
void give_late_names(int images_dir);

}  // namespace templatefs::cache

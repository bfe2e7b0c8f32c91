// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/vm/guest_fixture.h"

#include <string>
#include <string_view>
#include <vector>

namespace templatefs::vm {

/// A template and two copies of it, as images are.
class RestampTest : public GuestTest {
 protected:
  Filesystem const& row() const { return *row_; }
  /// By a guest, which also mounts it; or by the host's formatter, as it leaves it.
  void build_in_guest(std::string_view filesystem, std::int64_t mib);
  void build_on_host(std::string_view filesystem, std::int64_t mib, std::vector<std::string> arguments);
  /// `name` with the bytes of `from`. Returns its path.
  std::string copy(std::string const& from, std::string const& name) const;
  /// As the cache does it, its pages read from the template.
  void stamp(std::string const& image) const;

  /// The UUID that the superblock at `offset` from its usual place tells, checksums looked at.
  static std::string uuid_of(std::string const& image, std::int64_t offset = 0);
  /// Two restamped copies differ from the template and from each other, are clean, mount beside it and each
  /// other where this kernel can, and hold what is written; so many times, each beginning with a stamp.
  void expect_copies_apart(int rounds = 2);

 private:
  void expect_clean(std::vector<std::string> const& images) const;
  void write_side_by_side(std::vector<std::string> const& images, int round) const;

  Filesystem const* row_ = nullptr;
};

}  // namespace templatefs::vm

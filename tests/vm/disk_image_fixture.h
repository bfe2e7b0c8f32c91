// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/vm/support.h"
#include "vm/disk_image.h"

#include <cstdint>
#include <string>
#include <vector>

namespace templatefs::vm {

/// Makes disk images in every form and reads them.
class DiskImageTest : public VmTest {
 protected:
  static constexpr std::int64_t kLimit = std::int64_t{1} << 30;

  DiskImageTest();
  void TearDown() override;

  /// 64 MiB and a bit, with data at odd places, written zeroes and holes: "disk". Padded() is what comes out.
  std::string const& raw() const { return raw_; }
  std::string padded() const;
  /// qemu-img convert, options added: "disk.<name>".
  std::string converted(std::string const& format, std::vector<std::string> const& options = {});
  /// "gz", "xz", "zst", "bz2", "tar", "tar.xz" or nothing: another file beside it, or the same.
  std::string packed(std::string const& file, std::string const& how);
  /// A tar of files in the test's directory, made with further options.
  std::string tar_of(std::vector<std::string> const& names, std::vector<std::string> const& options = {});
  /// A copy of the first bytes.
  std::string cut(std::string const& file, std::int64_t bytes);
  std::string cut_by(std::string const& file, std::int64_t bytes);
  /// Shell, in the test's directory.
  void sh(std::string const& script);

  DiskImage read(std::string const& file, std::int64_t limit = kLimit);
  std::string target() const { return scratch_ / "target"; }
  /// Reads what must be refused: with this errno, these words, and nothing left of it.
  Error expect_refused(std::string const& file, std::string const& words, int err = EINVAL,
                       std::int64_t limit = kLimit);

  std::stop_source stop_;
  /// Phases that were told, each once, and the most that each did.
  std::vector<std::pair<std::string, std::int64_t>> phases_;

 private:
  std::string raw_;
};

}  // namespace templatefs::vm

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/transfer.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace templatefs {
class Fd;
}

namespace templatefs::vm {

/// An open file of a format that qemu-img knows, in the hands of that program: a child a call. It reaches the
/// file through a descriptor, so that no name is interpreted, and is told the format, so that it guesses
/// none. To be made only of a file that names no other (require_self_contained). All functions throw Error:
/// ENOPKG without qemu-img, EINVAL with its words where it refuses the file, ENOSPC, ECANCELED, ETIMEDOUT.
class QemuImg {
 public:
  /// All are kept by reference; `subject` is for messages.
  QemuImg(Fd const& image, std::string_view format, std::string const& subject, Transfer const& transfer)
      : image_(image), format_(format), subject_(subject), transfer_(transfer) {}

  /// The disk's size.
  std::int64_t virtual_bytes() const;
  /// Does nothing where qemu-img has no check of the format. Space that nothing refers to is no fault.
  void check() const;
  /// Writes the disk's contents into an empty file, which gets the disk's size and keeps its zeroes as holes.
  void convert(Fd const& to, std::int64_t bytes) const;

 private:
  Fd const& image_;
  std::string_view format_;
  std::string const& subject_;
  Transfer const& transfer_;
};

}  // namespace templatefs::vm

// SPDX-License-Identifier: Apache-2.0
#include "vm/guest_init.h"

#include "base/digest.h"

// Defined in guest_init.S.
extern "C" char const templatefs_guest_init_begin[];
extern "C" char const templatefs_guest_init_end[];

namespace templatefs::vm {

std::string_view guest_init_program() {
  return {templatefs_guest_init_begin, templatefs_guest_init_end};
}

std::string const& guest_init_digest() {
  static std::string const digest = sha256(guest_init_program());
  return digest;
}

}  // namespace templatefs::vm

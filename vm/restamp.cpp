// SPDX-License-Identifier: Apache-2.0
#include "vm/restamp.h"

#include "base/log.h"
#include "vm/filesystem.h"
#include "vm/restamp_formats.h"

#include <cerrno>

namespace templatefs::vm {

bool can_restamp(Filesystem const& filesystem) noexcept {
  return filesystem.restamp != nullptr;
}

void restamp(Filesystem const& filesystem, int image, int original) {
  if (!can_restamp(filesystem)) throw cannot_restamp(format("for {} it is not known how", filesystem.name));
  ImageDraft draft(image, original);
  auto magic = draft.read(filesystem.magic_offset, filesystem.magic.size());
  if (!ImageFields(magic).has(0, filesystem.magic))
    throw Error(EIO, format("give an image a UUID of its own: it holds no {}", filesystem.name));
  filesystem.restamp(draft);
  draft.write();
}

Error cannot_restamp(std::string const& reason, std::string const& remedy) {
  return {EOPNOTSUPP, "give an image a UUID of its own: " + reason,
          remedy.empty() ? R"(Use uuid = "template" in the recipe.)" : remedy};
}

}  // namespace templatefs::vm

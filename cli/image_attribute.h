// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace templatefs::cli {

/// Sets an attribute of an image in a mount, or removes it, which tells the mount to do something with the
/// image; `verb` is what, for the sentence of a failure ("pin"). Throws Error: EINVAL for a path in no mount
/// or of no image, ENOENT for a name that nobody has opened yet, and the mount's errno.
void change_image(std::string const& verb, std::string const& image, std::string const& attribute,
                  std::optional<std::string> const& value);

}  // namespace templatefs::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/filesystem.h"

#include <memory>
#include <string>

namespace templatefs::fusefs {

/// images/<recipe>/<capacity> in the session, made with the first image in it. Throws Error.
std::shared_ptr<Fd> image_directory(Filesystem& fs, cache::TemplateRequest const& request);

struct ImageOwner {
  uid_t uid;
  gid_t gid;
};

/// The backing file of a new image, open for reading and writing: a private copy of the request's template,
/// or an empty file without one. Throws Error; then nothing is left.
Fd make_image_file(Filesystem& fs, cache::TemplateRequest const& request, int dir, std::string const& name,
                   ImageOwner owner, cache::PinnedTemplate const* from);

}  // namespace templatefs::fusefs

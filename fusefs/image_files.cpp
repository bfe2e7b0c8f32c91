// SPDX-License-Identifier: Apache-2.0
#include "fusefs/image_files.h"

#include "base/error.h"
#include "base/files.h"

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::fusefs {

std::shared_ptr<Fd> image_directory(Filesystem& fs, cache::TemplateRequest const& request) {
  std::string const path = request.path();
  make_directories(fs.session.images_dir(), path, 0700);
  return std::make_shared<Fd>(open_at(fs.session.images_dir(), path, O_RDONLY | O_DIRECTORY));
}

Fd make_image_file(Filesystem& fs, cache::TemplateRequest const& request, int dir, std::string const& name,
                   ImageOwner owner, cache::PinnedTemplate const* from) {
  Fd file = from != nullptr ? fs.cache.make_image(*from, request, dir, name)
                            : open_at(dir, name, O_RDWR | O_CREAT | O_EXCL, 0600);
  // Ownership on the backing file is for quotas and for people who look into the store; what the mount shows
  // is the node's, so an unprivileged daemon that may not chown is no reason to fail.
  if (owner.uid != fs.owner_uid || owner.gid != fs.owner_gid) [[maybe_unused]]
    int const ignored = ::fchown(file.get(), owner.uid, owner.gid);
  ++fs.counters.images_made;
  return file;
}

}  // namespace templatefs::fusefs

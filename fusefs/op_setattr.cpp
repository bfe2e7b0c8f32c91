// SPDX-License-Identifier: Apache-2.0
#include "fusefs/attributes.h"
#include "fusefs/images.h"
#include "fusefs/operations.h"
#include "fusefs/pinning.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::fusefs {

namespace {

void set_owner_and_mode(Filesystem& fs, fuse_ino_t number, OpenImage const& open, struct stat const& wanted,
                        int which) {
  uid_t const uid = (which & FUSE_SET_ATTR_UID) != 0 ? wanted.st_uid : static_cast<uid_t>(-1);
  gid_t const gid = (which & FUSE_SET_ATTR_GID) != 0 ? wanted.st_gid : static_cast<gid_t>(-1);
  // The mount shows the node's owner; the backing file follows where this process may change it.
  if (which & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) [[maybe_unused]]
    int const ignored = ::fchown(open.fd(), uid, gid);
  fs.nodes.with([&](NodeTable& nodes) {
    auto& image = static_cast<ImageNode&>(*nodes.find(number));
    if (which & FUSE_SET_ATTR_UID) image.uid = uid;
    if (which & FUSE_SET_ATTR_GID) image.gid = gid;
    if (which & FUSE_SET_ATTR_MODE) image.mode = wanted.st_mode & 0777;
  });
  refresh_pin(fs, number, open);
}

/// A set that has disks is its owner's to give away or to open to others, as its images are.
int change_set(Filesystem& fs, fuse_ino_t number, struct stat const& wanted, int which) {
  constexpr int kPossible = FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID | FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_CTIME;
  return fs.nodes.with([&](NodeTable& nodes) {
    auto& set = static_cast<SetNode&>(*nodes.find(number));
    if (!set.owned() || (which & ~kPossible) != 0) return EPERM;
    if (which & FUSE_SET_ATTR_UID) set.uid = wanted.st_uid;
    if (which & FUSE_SET_ATTR_GID) set.gid = wanted.st_gid;
    if (which & FUSE_SET_ATTR_MODE) set.mode = wanted.st_mode & 0777;
    return 0;
  });
}

void set_times(OpenImage const& open, struct stat const& wanted, int which) {
  auto const choose = [&](int set, int now, timespec const& value) {
    if (which & now) return timespec{0, UTIME_NOW};
    return which & set ? value : timespec{0, UTIME_OMIT};
  };
  timespec const times[2] = {choose(FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, wanted.st_atim),
                             choose(FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, wanted.st_mtim)};
  check(::futimens(open.fd(), times), "set the times of", "an image");
}

}  // namespace

void op_setattr(fuse_req_t req, fuse_ino_t number, struct stat* requested, int which, fuse_file_info*) {
  answer(req, [&](Request& request) {
    auto& fs = Filesystem::of(request);
    auto const kind = fs.nodes.with([&](NodeTable& nodes) {
      Node const* const node = nodes.find(number);
      return node == nullptr ? NodeKind::root : node->kind;
    });
    // Other directories are what they are. Setuid and setgid on a disk image serve nothing, and we promised
    // the kernel that there are no privileges to kill on a write (HANDLE_KILLPRIV_V2).
    bool const special_bits = (which & FUSE_SET_ATTR_MODE) != 0 && (requested->st_mode & 07000) != 0;
    if (special_bits || (kind != NodeKind::image && kind != NodeKind::set)) return request.error(EPERM);
    if (kind == NodeKind::set) {
      if (int const refusal = change_set(fs, number, *requested, which)) return request.error(refusal);
      auto const attributes = attributes_of(fs, number, request.caller());
      return request.attr(attributes->st, attributes->attr_timeout);
    }

    // A change makes the image: what would be changed otherwise?
    Entry const entry{(which & FUSE_SET_ATTR_SIZE) != 0 && requested->st_size == 0};
    with_open_image(fs, request, number, entry,
                    [&fs, number, which, wanted = *requested](Request& held, OpenImage& open) {
                      if (which & FUSE_SET_ATTR_SIZE)
                        check(::ftruncate(open.fd(), wanted.st_size), "set the size of", "an image");
                      if (which & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID | FUSE_SET_ATTR_MODE))
                        set_owner_and_mode(fs, number, open, wanted, which);
                      if (which & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
                                   FUSE_SET_ATTR_MTIME_NOW))
                        set_times(open, wanted, which);
                      auto const attributes = attributes_of(fs, number, open);
                      held.attr(attributes->st, attributes->attr_timeout);
                      return false;
                    });
  });
}

}  // namespace templatefs::fusefs

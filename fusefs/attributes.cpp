// SPDX-License-Identifier: Apache-2.0
#include "fusefs/attributes.h"

#include "base/error.h"
#include "fusefs/image_files.h"

#include <cerrno>
#include <memory>
#include <string>

#include <fcntl.h>

namespace templatefs::fusefs {

namespace {

/// Names change only through us, and what we change the kernel hears of in the reply: they may be kept long.
constexpr double kNameTimeout = 3600;
/// An image's size, times and blocks change under us with passthrough (the kernel knows) and through shared
/// mappings (it does not).
constexpr double kImageAttributeTimeout = 1;
/// Long enough for the open that follows a look-up, which asks no second time then. Whoever makes the image
/// tells the kernel to forget them.
constexpr double kNameAttributeTimeout = 0.1;
/// Of capacities and sets, whose times change with what is made in them.
constexpr double kDirectoryAttributeTimeout = 1;

constexpr mode_t kNameOnlyMode = S_IFREG | 0666;    // anybody who may reach it may be the first to open it
constexpr mode_t kDirectoryMode = S_IFDIR | 01777;  // sticky: only the owner or root unlinks
constexpr mode_t kLinkMode = S_IFLNK | 0777;
constexpr mode_t kControlDirectoryMode = S_IFDIR | 0555;
constexpr mode_t kControlFileMode = S_IFREG | 0444;

void set_times(struct stat& st, std::int64_t ns) {
  timespec const time{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
  st.st_atim = st.st_mtim = st.st_ctim = time;
}

/// What is needed of a node after the table's mutex is let go.
struct Snapshot {
  Attributes attributes{};
  bool backed = false;  // the rest comes from the backing file
  std::shared_ptr<OpenImage> open;
  BackingName file;
};

void describe_image(Filesystem const& fs, ImageNode const& image, fuse_ctx const& asker, Snapshot& out) {
  auto& st = out.attributes.st;
  auto const& capacity = image.directory().capacity();
  if (image.exists || image.gone) {
    st.st_uid = image.uid;
    st.st_gid = image.gid;
    st.st_mode = S_IFREG | image.mode;
    st.st_nlink = image.gone ? 0 : 1;
    out.backed = true;
    out.open = image.open;
    out.file = {capacity.store_dir, image.store_name(), image.late};
    out.attributes.attr_timeout = kImageAttributeTimeout;
    out.attributes.entry_timeout = kNameTimeout;
    return;
  }
  // A name that nobody opened: the size is known, there are no blocks, and the name may not be remembered,
  // because its first open makes it somebody's. It is shown as whose it would become, the asker's: in a
  // sticky directory the kernel would not let anybody else rename an image of theirs to it.
  out.attributes.attr_timeout = kNameAttributeTimeout;
  st.st_uid = image.busy ? image.uid : asker.uid;
  st.st_gid = image.busy ? image.gid : asker.gid;
  st.st_mode = kNameOnlyMode;
  st.st_nlink = 1;
  st.st_size = capacity.request.bytes();
  st.st_blksize = 4096;
  set_times(st, fs.started_ns);
}

/// Nothing may be remembered of a set either: opens and unlinks below it change whose it is.
void describe_set(SetNode const& set, fuse_ctx const& asker, struct stat& st) {
  bool const owned = set.owned();
  st.st_uid = owned ? set.uid : asker.uid;
  st.st_gid = owned ? set.gid : asker.gid;
  st.st_mode = owned ? S_IFDIR | set.mode : kDirectoryMode;
  if (set.gone) st.st_nlink = 0;
}

void describe(Filesystem const& fs, Node const& node, fuse_ctx const& asker, Snapshot& out) {
  auto& st = out.attributes.st;
  st.st_ino = node.number;
  if (node.kind == NodeKind::image) {
    describe_image(fs, static_cast<ImageNode const&>(node), asker, out);
    return;
  }
  st.st_uid = fs.owner_uid;
  st.st_gid = fs.owner_gid;
  st.st_blksize = 4096;
  st.st_nlink = 1;
  set_times(st, fs.started_ns);
  out.attributes.entry_timeout = kNameTimeout;
  out.attributes.attr_timeout = kDirectoryAttributeTimeout;
  if (node.holds_images()) {
    auto const changed = static_cast<ImageDirectoryNode const&>(node).changed_ns;
    if (changed != 0) set_times(st, changed);
  }
  switch (node.kind) {
    case NodeKind::set:
      describe_set(static_cast<SetNode const&>(node), asker, st);
      out.attributes.entry_timeout = 0;
      out.attributes.attr_timeout = 0;
      break;
    case NodeKind::root:
    case NodeKind::recipe:
      out.attributes.attr_timeout = kNameTimeout;
      [[fallthrough]];
    case NodeKind::capacity:
      st.st_mode = kDirectoryMode;
      if (is_of_stored_recipe(node)) out.attributes.entry_timeout = 0;
      break;
    case NodeKind::auto_link:
      if (is_of_stored_recipe(*node.parent)) out.attributes.entry_timeout = 0;
      st.st_mode = kLinkMode;  // its length is not known before it is asked for
      break;
    case NodeKind::alias:
      if (is_of_stored_recipe(*node.parent)) out.attributes.entry_timeout = 0;
      st.st_mode = kLinkMode;
      st.st_size = static_cast<off_t>(Capacity::parse(node.name)->canonical().size());
      break;
    case NodeKind::control:
    case NodeKind::why:
    case NodeKind::cache:
    case NodeKind::cache_entry:
      st.st_mode = kControlDirectoryMode;
      out.attributes.entry_timeout = 0;
      break;
    default:
      st.st_mode = kControlFileMode;
      out.attributes.entry_timeout = 0;
      out.attributes.attr_timeout = 0;
      break;
  }
}

void overlay(struct stat& ours, struct stat const& backing) {
  ours.st_size = backing.st_size;
  ours.st_blocks = backing.st_blocks;
  ours.st_blksize = 4096;
  ours.st_atim = backing.st_atim;
  ours.st_mtim = backing.st_mtim;
  ours.st_ctim = backing.st_ctim;
}

}  // namespace

std::optional<Attributes> attributes_of(Filesystem& fs, fuse_ino_t number, fuse_ctx const& asker) {
  Snapshot snapshot;
  bool const known = fs.nodes.with([&](NodeTable& nodes) {
    Node const* const node = nodes.find(number);
    if (node != nullptr) describe(fs, *node, asker, snapshot);
    return node != nullptr;
  });
  if (!known) return std::nullopt;
  if (snapshot.backed) {
    struct stat backing {};
    if (snapshot.open)
      check(::fstat(snapshot.open->fd(), &backing), "stat", snapshot.file.name);
    else if (!snapshot.file.dir || at_backing_file(fs, snapshot.file, [&](int dir, char const* name) {
                                     return ::fstatat(dir, name, &backing, AT_SYMLINK_NOFOLLOW);
                                   }) != 0)
      // Unlinked and closed by everybody else in this instant.
      throw Error(snapshot.attributes.st.st_nlink == 0 ? ESTALE : errno,
                  "stat the image " + snapshot.file.name);
    overlay(snapshot.attributes.st, backing);
  }
  return snapshot.attributes;
}

std::optional<Attributes> attributes_of(Filesystem& fs, fuse_ino_t number, OpenImage const& open) {
  Snapshot snapshot;
  bool const known = fs.nodes.with([&](NodeTable& nodes) {
    Node const* const node = nodes.find(number);
    if (node != nullptr) describe(fs, *node, {}, snapshot);
    return node != nullptr;
  });
  if (!known) return std::nullopt;
  struct stat backing {};
  check(::fstat(open.fd(), &backing), "stat", "an open image");
  overlay(snapshot.attributes.st, backing);
  return snapshot.attributes;
}

}  // namespace templatefs::fusefs

// SPDX-License-Identifier: Apache-2.0
#include "cache/verify.h"

#include "base/content_digest.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/random_name.h"
#include "cache/key.h"
#include "cache/layout.h"
#include "cache/manifest.h"
#include "cache/quarantine.h"
#include "cache/stored_recipe.h"
#include "vm/filesystem.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::cache {

namespace {

/// Errors of reading that tell of the template and not of us.
bool is_damage(Error const& error) {
  switch (error.err()) {
    case EIO:
    case EBADMSG:
    case EUCLEAN:
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case EFBIG:
      return true;
    default:
      return false;
  }
}

/// One look at a template. The caller holds its lock.
class Inspection {
 public:
  Inspection(int store_dir, std::string const& key, vm::Transfer const& transfer)
      : store_dir_(store_dir), key_(key), transfer_(transfer) {}

  /// What is wrong; empty where nothing is. Throws Error.
  std::string fault(Depth depth) {
    try {
      manifest_ = Manifest::from_json(read_file(store_dir_, layout::template_manifest(key_), 1 << 20));
      image_ = open_at(store_dir_, layout::template_image(key_), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      auto found = wrong_shape();
      return found.empty() && depth == Depth::full ? wrong_content() : found;
    } catch (Error const& error) {
      if (is_damage(error)) return error.text() + ": " + errno_words(error.err());
      throw;
    }
  }

  bool has_digest() const { return !manifest_.content_sha256.empty(); }

  /// The manifest, with the digest of what was read. Throws Error.
  Manifest manifest_with_digest() const {
    auto manifest = manifest_;
    manifest.content_sha256 = digest_;
    return manifest;
  }

 private:
  std::string wrong_shape() const {
    struct stat st {};
    check(::fstat(image_.get(), &st), "stat", layout::template_image(key_));
    if (manifest_.key != key_) return format("its manifest is that of {}", manifest_.key);
    if (!S_ISREG(st.st_mode)) return "its image is no regular file";
    if (st.st_size != manifest_.capacity_bytes)
      return format("its image has {} bytes and was made with {}", st.st_size, manifest_.capacity_bytes);
    auto const* const row = vm::find_filesystem(manifest_.filesystem);
    if (row == nullptr || vm::has_superblock(*row, image_.get())) return {};
    return format("its image has no {} superblock", row->name);
  }

  std::string wrong_content() {
    struct stat st {};
    check(::fstat(image_.get(), &st), "stat", layout::template_image(key_));
    auto const total = static_cast<std::int64_t>(st.st_blocks) * 512;
    // A template is written once and synced: without its pages the disk is read, which is what is in doubt.
    (void)::posix_fadvise(image_.get(), 0, 0, POSIX_FADV_DONTNEED);
    digest_ = content_sha256(image_.get(), st.st_size, [&](std::int64_t done) {
      transfer_.advance("verify", done, std::max(done, total), key_);
    });
    if (!has_digest() || digest_ == manifest_.content_sha256) return {};
    return format("its content has the SHA-256 {} and was made with {}", digest_, manifest_.content_sha256);
  }

  int store_dir_;
  std::string const& key_;
  vm::Transfer const& transfer_;
  Manifest manifest_;
  Fd image_;
  std::string digest_;
};

/// Puts a manifest in the place of a template's. The caller holds the key's lock.
void replace_manifest(int store_dir, Session const& session, Manifest const& manifest) {
  auto const scratch = "manifest-" + random_hex(8);
  replace_file(session.staging_dir(), scratch, manifest.to_json(), 0444, true);
  auto const target = layout::template_manifest(manifest.key);
  if (::renameat(session.staging_dir(), scratch.c_str(), store_dir, target.c_str()) != 0)
    throw_errno("write", target);
}

}  // namespace

Verified verify_template(Store const& store, Session const& session, std::string const& key, Depth depth,
                         vm::Transfer const& transfer) {
  Verified out;
  out.key = key;
  Fd there;
  if (parse_key_name(key))  // a path is made of it
    there = open_at_if_exists(store.dir(), layout::template_dir(key), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!there) {
    out.soundness = Soundness::gone;
    out.finding = "there is no such template";
    return out;
  }
  // Shared: while we hold it nobody can build, publish or remove this template, and everybody can use it.
  auto const lock = FileLock::try_lock(store.dir(), layout::key_lock(key), FileLock::Mode::shared);
  if (!lock) {
    out.soundness = Soundness::locked;
    out.finding = "it is being built or removed";
    return out;
  }
  Inspection look(store.dir(), key, transfer);
  out.finding = look.fault(depth);
  if (out.finding.empty()) {
    if (look.has_digest()) return out;
    out.soundness = Soundness::unverifiable;
    out.finding = "no digest was recorded when it was made";
    if (depth == Depth::full) {
      replace_manifest(store.dir(), session, look.manifest_with_digest());
      out.finding += "; it has one from now on";
    }
    return out;
  }
  out.quarantine = quarantine_template(store.dir(), key, out.finding);
  out.soundness = out.quarantine.empty() ? Soundness::gone : Soundness::quarantined;
  if (out.quarantine.empty()) {
    out.finding = "it was removed meanwhile";
    return out;
  }
  out.users = lock_holders(lock->fd());
  std::erase_if(out.users, [](LockHolder const& each) { return each.pid == ::getpid(); });
  if (parse_key_name(key)->recipe == kStoredKeyPrefix) out.lost = names_of_template(store.dir(), key);
  spdlog::warn("template {} is damaged and was put into quarantine as {}: {}", key, out.quarantine,
               out.finding);
  return out;
}

}  // namespace templatefs::cache

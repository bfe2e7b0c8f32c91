// SPDX-License-Identifier: Apache-2.0
#include "cache/template_store.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/random_name.h"
#include "cache/layout.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::cache {

namespace {

constexpr std::int64_t kUseIntervalMs = 60'000;

std::int64_t modified_ms(struct stat const& st) {
  return std::int64_t{st.st_mtim.tv_sec} * 1000 + st.st_mtim.tv_nsec / 1'000'000;
}

}  // namespace

bool is_whole(int fd, TemplateRequest const& request) {
  struct stat st {};
  check(::fstat(fd, &st), "stat", "a template");
  if (!S_ISREG(st.st_mode) || st.st_size != request.template_bytes()) return false;
  return vm::has_superblock(*request.recipe->filesystem, fd);
}

void note_use(PinnedTemplate const& pinned) noexcept {
  struct stat st {};
  // Nothing depends on it but the order in which templates are collected, so failures are nobody's.
  if (::fstat(pinned.pin.fd(), &st) == 0 && epoch_ms_now() - modified_ms(st) >= kUseIntervalMs)
    (void)::futimens(pinned.pin.fd(), nullptr);
}

std::int64_t last_use_ms(int store_dir, std::string const& key) {
  struct stat st {};
  if (::fstatat(store_dir, layout::template_dir(key).c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return -1;
  std::int64_t last = 0;
  for (auto const& path : {layout::template_image(key), layout::key_lock(key)})
    if (::fstatat(store_dir, path.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0)
      last = std::max(last, modified_ms(st));
  return last;
}

Fd TemplateStore::open_whole(std::string const& key, TemplateRequest const& request) const {
  Fd image = open_at_if_exists(store_dir_, layout::template_image(key), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (image && !is_whole(image.get(), request)) image.reset();
  return image;
}

TemplateStore::Look TemplateStore::pin(std::string const& key, TemplateRequest const& request) const {
  struct stat st {};
  if (::fstatat(store_dir_, layout::template_image(key).c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {Presence::missing, std::nullopt};
    throw_errno("stat cached template", layout::template_image(key));
  }
  if (!S_ISREG(st.st_mode) || st.st_size != request.template_bytes())
    return {Presence::missing, std::nullopt};
  auto lock = FileLock::try_lock(store_dir_, layout::key_lock(key), FileLock::Mode::shared);
  if (!lock) return {Presence::locked, std::nullopt};
  // Opened under the lock: what was seen above may have been cleaned away in between.
  Fd image = open_whole(key, request);
  if (!image) return {Presence::missing, std::nullopt};
  PinnedTemplate pinned{std::move(image), std::move(*lock), key, request.template_bytes()};
  note_use(pinned);
  return {Presence::ready, std::move(pinned)};
}

void TemplateStore::publish(int staging_dir, std::string const& entry, std::string const& key,
                            TemplateRequest const& request) const {
  Fd const dir = open_at(staging_dir, entry, O_RDONLY | O_DIRECTORY);
  {
    Fd const image = open_at(dir.get(), layout::kImage, O_RDONLY);
    if (!is_whole(image.get(), request))
      throw Error(EIO, format("publish {}: the built image has a wrong size or no {} superblock", key,
                              request.recipe->filesystem->name));
    check(::fchmod(image.get(), 0444), "set the mode of", layout::kImage);
    // Data before name: on btrfs a rename that replaces nothing flushes nothing, and after a power cut the
    // name would lead to holes.
    sync_file(image.get(), layout::kImage);
  }
  for (char const* const name : {layout::kManifest, layout::kBuildLog}) {
    Fd const file = open_at(dir.get(), name, O_RDONLY);
    sync_file(file.get(), name);
  }
  sync_file(dir.get(), entry);

  std::string const target = layout::template_dir(key);
  for (int attempt = 0;; ++attempt) {
    if (::renameat2(staging_dir, entry.c_str(), store_dir_, target.c_str(), RENAME_NOREPLACE) == 0) break;
    if (errno != EEXIST || attempt > 0) throw_errno("publish", target);
    if (open_whole(key, request)) {  // a peer won: its template is as good as ours
      remove_tree(staging_dir, entry);
      return;
    }
    spdlog::warn("template {} is torn and is replaced", key);
    remove(staging_dir, key);
  }
  Fd const templates = open_at(store_dir_, layout::kTemplates, O_RDONLY | O_DIRECTORY);
  sync_file(templates.get(), layout::kTemplates);
}

void TemplateStore::remove(int staging_dir, std::string const& key) const {
  (void)remove_tree_through(staging_dir, store_dir_, layout::template_dir(key));
}

}  // namespace templatefs::cache

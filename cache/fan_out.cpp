// SPDX-License-Identifier: Apache-2.0
#include "cache/fan_out.h"

#include "base/copy_file.h"
#include "base/error.h"
#include "base/log.h"
#include "base/scope_exit.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::cache {

namespace {

bool cannot_clone_here(int err) {
  return err == EOPNOTSUPP || err == EXDEV || err == EINVAL || err == ENOTTY;
}

}  // namespace

std::string_view rung_name(Rung rung) {
  return rung == Rung::reflink ? "reflink" : "copy";
}

Fd FanOut::make_image(int template_fd, std::int64_t bytes, int dir, std::string const& name,
                      std::int64_t grown_to, std::function<void(int)> const& finish) {
  Fd image = open_at(dir, name, O_RDWR | O_CREAT | O_EXCL, 0600);
  ScopeExit undo([&] { ::unlinkat(dir, name.c_str(), 0); });
  fill(template_fd, bytes, image.get(), name);
  // ZFS once answered a clone with success and a truncated file: believe the size, not the return value.
  struct stat st {};
  check(::fstat(image.get(), &st), "stat", name);
  if (st.st_size != bytes)
    throw Error(EIO, format("clone a template to {}: got {} bytes of {}", name, st.st_size, bytes));
  if (grown_to > bytes) check(::ftruncate(image.get(), grown_to), "set the length of", name);
  if (finish) finish(image.get());
  undo.dismiss();
  return image;
}

void FanOut::fill(int template_fd, std::int64_t bytes, int image, std::string const& name) {
  if (rung_.load() == Rung::reflink) {
    int const err = reflink(template_fd, image);
    if (err == 0) return;
    if (!cannot_clone_here(err)) throw Error(err, "clone a template to " + name);
    if (choice_ == FanOutChoice::reflink_only)
      throw Error(EOPNOTSUPP, format("clone a template to {} ({})", name, errno_words(err)),
                  "The store's filesystem does not support reflinks; use a store on btrfs or xfs "
                  "(--store, TEMPLATEFS_STORE), or leave --fanout at auto.");
    if (rung_.exchange(Rung::copy) == Rung::reflink)
      spdlog::warn("the store cannot reflink ({}): images are sparse copies from now on", errno_words(err));
  }
  copy_sparse(template_fd, image, bytes);
}

}  // namespace templatefs::cache

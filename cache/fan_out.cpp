// SPDX-License-Identifier: Apache-2.0
#include "cache/fan_out.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/scope_exit.h"
#include "cache/reflink.h"

#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::cache {

namespace {

bool cannot_clone_here(int err) {
  return err == EOPNOTSUPP || err == EXDEV || err == EINVAL || err == ENOTTY;
}

/// The listener is heard, and a signal noticed, at least this often.
constexpr std::int64_t kStep = 16 << 20;

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

void copy_sparse(int from, int to, std::int64_t bytes, std::function<void(std::int64_t)> const& on_copied) {
  check(::ftruncate(to, bytes), "set the length of", "a copied image");
  auto const advance = [&](std::int64_t& offset, std::int64_t& length, std::int64_t by) {
    offset += by;
    length -= by;
    if (on_copied) on_copied(offset);
  };
  for_each_data_range(from, bytes, [&](std::int64_t offset, std::int64_t length) {
    bool in_kernel = true;
    std::vector<char> buffer;
    while (length > 0) {
      if (in_kernel) {
        loff_t in = offset;
        loff_t out = offset;
        auto const moved =
            ::copy_file_range(from, &in, to, &out, static_cast<std::size_t>(std::min(length, kStep)), 0);
        if (moved > 0) {
          advance(offset, length, moved);
          continue;
        }
        if (moved < 0 && errno != EXDEV && errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS)
          throw_errno("copy", "a template");
        in_kernel = false;
        buffer.resize(1 << 18);
      }
      auto const want = std::min<std::int64_t>(length, static_cast<std::int64_t>(buffer.size()));
      auto const got =
          check(::pread(from, buffer.data(), static_cast<std::size_t>(want), offset), "read", "a template");
      if (got == 0) throw Error(EIO, "copy a template: it is shorter than its data");
      for (std::int64_t done = 0; done < got;)
        done += check(::pwrite(to, buffer.data() + done, static_cast<std::size_t>(got - done), offset + done),
                      "write", "a copied image");
      advance(offset, length, got);
    }
  });
}

}  // namespace templatefs::cache

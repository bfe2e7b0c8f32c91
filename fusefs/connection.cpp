// SPDX-License-Identifier: Apache-2.0
#include "fusefs/connection.h"

#include "base/error.h"
#include "base/log.h"

#include <cerrno>
#include <cstdint>

#include <linux/ioctl.h>
#include <sys/ioctl.h>

namespace templatefs::fusefs {

namespace {

/// From the kernel's include/uapi/linux/fuse.h (FUSE 7.40); Debian 12's headers are older. Called here rather
/// than through fuse_passthrough_open, which keeps the errno to itself and needs a request to close.
struct BackingMap {
  std::int32_t fd;
  std::uint32_t flags;
  std::uint64_t padding;
};
constexpr unsigned long kBackingOpen = _IOW(229, 1, BackingMap);
constexpr unsigned long kBackingClose = _IOW(229, 2, std::uint32_t);

}  // namespace

void Connection::negotiate(fuse_conn_info& info) {
  // Without it every write first asks us for security.capability, 4 to 15 times slower. We refuse setuid and
  // setgid bits on images, so there is never a privilege to kill.
  fuse_set_feature_flag(&info, FUSE_CAP_HANDLE_KILLPRIV_V2);
  fuse_set_feature_flag(&info, FUSE_CAP_PARALLEL_DIROPS);
  fuse_set_feature_flag(&info, FUSE_CAP_ASYNC_DIO);
  fuse_set_feature_flag(&info, FUSE_CAP_ATOMIC_O_TRUNC);
  // Mapping .templatefs files, which are served without the page cache.
  fuse_set_feature_flag(&info, FUSE_CAP_DIRECT_IO_ALLOW_MMAP);
  // A pipe of the default size is too small for a request, so libfuse reads() each anyway and keeps the pipe:
  // two descriptors of each worker.
  fuse_unset_feature_flag(&info, FUSE_CAP_SPLICE_READ);
  // Passthrough and the writeback cache exclude each other.
  fuse_unset_feature_flag(&info, FUSE_CAP_WRITEBACK_CACHE);
  // Truncated or grown from inside only: the page cache of the fallback stays right by itself.
  fuse_unset_feature_flag(&info, FUSE_CAP_AUTO_INVAL_DATA);
  if (want_passthrough(info)) {
    passthrough_ = true;
    reason_.with([](std::string& reason) { reason = "reads and writes go straight to the store"; });
  } else if (!kCanPassThrough) {
    refuse_passthrough("this program was built with a libfuse older than 3.17 (TEMPLATEFS_PASSTHROUGH=OFF)");
  } else {
    refuse_passthrough("this kernel has no FUSE passthrough (Linux 6.9 and CONFIG_FUSE_PASSTHROUGH)");
  }
  negotiated_ = true;
}

void Connection::refuse_passthrough(std::string reason) noexcept {
  bool const was_on = passthrough_.exchange(false);
  if (!was_on && negotiated_) return;
  spdlog::info("no passthrough, reads and writes come through the daemon: {}", reason);
  reason_.with([&](std::string& kept) { kept = std::move(reason); });
}

int Connection::register_backing(int fd) noexcept {
  if (!passthrough_) return 0;
  BackingMap map{fd, 0, 0};
  int const id = ::ioctl(fuse_session_fd(session_), kBackingOpen, &map);
  if (id > 0) return id;
  int const err = errno;
  // Of this moment, not of this kernel: the image is served through us for as long as it is open, the next is
  // not.
  if (err == EMFILE || err == ENFILE || err == ENOMEM || err == EINTR) {
    spdlog::warn("an image is served without passthrough: {}", errno_words(err));
    return 0;
  }
  refuse_passthrough(err == EPERM
                         ? "registering a backing file needs CAP_SYS_ADMIN in the initial user namespace"
                         : "the kernel refused a backing file: " + errno_words(err));
  return 0;
}

void Connection::unregister_backing(int backing_id) noexcept {
  if (backing_id <= 0) return;
  std::uint32_t const id = static_cast<std::uint32_t>(backing_id);
  ::ioctl(fuse_session_fd(session_), kBackingClose, &id);
}

std::string Connection::passthrough_reason() const {
  return reason_.with([](std::string const& reason) { return reason; });
}

}  // namespace templatefs::fusefs

// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one place that chooses libfuse's API version, and that knows what its releases before 3.17 lack:
// passthrough, and flags beyond the 32nd.
#include <cstdint>
#if TEMPLATEFS_PASSTHROUGH
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 17)
#else
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 14)
#endif
#include <fuse3/fuse_lowlevel.h>

namespace templatefs::fusefs {

inline constexpr bool kCanPassThrough = TEMPLATEFS_PASSTHROUGH;

#if TEMPLATEFS_PASSTHROUGH
/// 0: reads and writes come through us, several at a time.
inline void set_backing_id(fuse_file_info& info, int id) noexcept {
  info.backing_id = id;
  info.parallel_direct_writes = id == 0;
}
/// False where the kernel cannot.
inline bool want_passthrough(fuse_conn_info& info) noexcept {
  if (!fuse_set_feature_flag(&info, FUSE_CAP_PASSTHROUGH)) return false;
  info.max_backing_stack_depth = FUSE_BACKING_STACKED_OVER;
  return true;
}
#else
inline void set_backing_id(fuse_file_info& /*info*/, int /*id*/) noexcept {}
inline bool want_passthrough(fuse_conn_info& /*info*/) noexcept {
  return false;
}
#endif

#if FUSE_VERSION < FUSE_MAKE_VERSION(3, 17)
#ifndef FUSE_CAP_HANDLE_KILLPRIV_V2
#define FUSE_CAP_HANDLE_KILLPRIV_V2 0
#endif
#ifndef FUSE_CAP_DIRECT_IO_ALLOW_MMAP
#define FUSE_CAP_DIRECT_IO_ALLOW_MMAP 0
#endif
inline bool fuse_set_feature_flag(fuse_conn_info* info, std::uint32_t flag) noexcept {
  info->want |= info->capable & flag;
  return (info->capable & flag) != 0;
}
inline void fuse_unset_feature_flag(fuse_conn_info* info, std::uint32_t flag) noexcept {
  info->want &= ~flag;
}
#endif

}  // namespace templatefs::fusefs

// SPDX-License-Identifier: Apache-2.0
#include "base/birth_time.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs {

std::optional<std::int64_t> birth_time_ms(int fd) {
  struct statx st {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) != 0 || (st.stx_mask & STATX_BTIME) == 0)
    return std::nullopt;
  return st.stx_btime.tv_sec * 1000 + st.stx_btime.tv_nsec / 1'000'000;
}

}  // namespace templatefs

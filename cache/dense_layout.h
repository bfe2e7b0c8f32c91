// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace templatefs::cache {

/// Lays a new template's image out anew, in few extents: range after range in one go, and the small holes
/// between them filled. A template is written once and cloned thousands of times, and every extent costs each
/// clone some microseconds. It reads as before. An image with more than 64 MiB of data stays as it is, and so
/// does one that cannot be copied (the log says why, at debug).
///
/// `name` in `dir` is replaced by another file: whoever has it open has the old one. To be called before it
/// is synced, so that what is given up was never written to the disk.
void lay_out_densely(int dir, std::string const& name) noexcept;

}  // namespace templatefs::cache

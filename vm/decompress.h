// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/byte_stream.h"

#include <memory>
#include <string>
#include <string_view>

namespace templatefs {
class Fd;
}

namespace templatefs::vm {

/// "gzip", "bzip2", "xz" or "zstd" by the first bytes of something, which need not be all there; empty for
/// anything else.
std::string_view compression_of(std::string_view head) noexcept;
/// The same of an open file. Throws Error; `subject` is for messages.
std::string_view compression_of(Fd const& file, std::string const& subject);

/// An open file from its first byte on, decompressed where it is compressed. The descriptor stays the
/// caller's, must outlive the stream, and its offset says how much was read of it. Throws Error.
std::unique_ptr<ByteStream> open_decompressed(Fd const& file, std::string const& subject);

/// A file's contents, decompressed where it is compressed. Throws Error.
std::string read_decompressed(std::string const& path);

}  // namespace templatefs::vm

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace templatefs {

/// SHA-256 over bytes given in pieces (OpenSSL EVP). One thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256 const&) = delete;
  Sha256& operator=(Sha256 const&) = delete;

  Sha256& update(std::string_view bytes);
  /// 64 lower-case hex digits. Call once.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string to_hex(std::span<unsigned char const> bytes);
std::string sha256(std::string_view bytes);
std::array<unsigned char, 32> sha256_bytes(std::span<unsigned char const> bytes);

/// SHA-256 of a file's contents, memoised in this process by (path, size, mtime, inode, device): an unchanged
/// file costs one stat. Thread-safe. Throws Error.
std::string file_sha256(std::string const& path);

}  // namespace templatefs

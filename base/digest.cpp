// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/guarded.h"

#include <array>
#include <cerrno>
#include <map>
#include <tuple>
#include <vector>

#include <openssl/evp.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs {

struct Sha256::State {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (!state_->context || EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) != 1)
    throw Error(ENOMEM, "start a SHA-256");
}

Sha256::~Sha256() = default;

Sha256& Sha256::update(std::string_view bytes) {
  EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size());
  return *this;
}

std::string Sha256::finish() {
  std::array<unsigned char, 32> digest{};
  EVP_DigestFinal_ex(state_->context.get(), digest.data(), nullptr);
  return to_hex(digest);
}

std::string to_hex(std::span<unsigned char const> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (unsigned char const byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::string sha256(std::string_view bytes) {
  return Sha256().update(bytes).finish();
}

std::array<unsigned char, 32> sha256_bytes(std::span<unsigned char const> bytes) {
  std::array<unsigned char, 32> digest{};
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1)
    throw Error(ENOMEM, "compute a SHA-256");
  return digest;
}

std::string file_sha256(std::string const& path) {
  using Identity = std::tuple<std::string, dev_t, ino_t, off_t, std::int64_t, std::int64_t>;
  static Guarded<std::map<Identity, std::string>> memo;

  Fd const fd = open_at(AT_FDCWD, path, O_RDONLY);
  struct stat st {};
  check(::fstat(fd.get(), &st), "stat", path);
  Identity const identity{path, st.st_dev, st.st_ino, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
  std::string known = memo.with([&](auto& digests) {
    auto const found = digests.find(identity);
    return found == digests.end() ? std::string() : found->second;
  });
  if (!known.empty()) return known;

  Sha256 sum;
  std::vector<char> buffer(1 << 18);
  for (;;) {
    auto const got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    check(got, "read", path);
    if (got == 0) break;
    sum.update({buffer.data(), static_cast<std::size_t>(got)});
  }
  std::string digest = sum.finish();
  memo.with([&](auto& digests) { digests[identity] = digest; });
  return digest;
}

}  // namespace templatefs

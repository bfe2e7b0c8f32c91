// SPDX-License-Identifier: Apache-2.0
#include "vm/disk_tables.h"

#include "base/error.h"
#include "base/fd.h"

#include <cerrno>
#include <cstring>

#include <endian.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

template <class T>
T number(std::string const& bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace

std::string TableFile::read(std::int64_t offset, std::int64_t bytes) const {
  std::string out(static_cast<std::size_t>(bytes), '\0');
  for (std::int64_t done = 0; done < bytes;) {
    auto const got =
        ::pread(file.get(), out.data() + done, static_cast<std::size_t>(bytes - done), offset + done);
    if (got < 0 && errno == EINTR) continue;
    // EINVAL: an offset beyond what any file can have.
    if (got == 0 || (got < 0 && errno == EINVAL))
      refuse("it is cut short or damaged: one of its tables is at byte " + std::to_string(offset));
    done += check(got, "read", subject);
  }
  return out;
}

void TableFile::refuse(std::string const& what, std::string const& remedy) const {
  throw Error(EINVAL, "import " + subject + ": " + what, remedy);
}

std::uint64_t big64(std::string const& bytes, std::size_t at) {
  return be64toh(number<std::uint64_t>(bytes, at));
}
std::uint32_t big32(std::string const& bytes, std::size_t at) {
  return be32toh(number<std::uint32_t>(bytes, at));
}
std::uint64_t little64(std::string const& bytes, std::size_t at) {
  return le64toh(number<std::uint64_t>(bytes, at));
}
std::uint32_t little32(std::string const& bytes, std::size_t at) {
  return le32toh(number<std::uint32_t>(bytes, at));
}

// The header says how many blocks there are, each is written whole, and QEMU's check counts them.
std::int64_t end_of_vdi(TableFile const& file) {
  auto const header = file.read(0, 512);
  std::int64_t const data = little32(header, 0x158);
  std::int64_t const block = little32(header, 0x178);
  std::int64_t const blocks = little32(header, 0x184);
  if (block > 1 << 30) file.refuse("it is damaged: a block of " + std::to_string(block) + " bytes");
  return data + block * blocks;
}

}  // namespace templatefs::vm

// SPDX-License-Identifier: Apache-2.0
#include "vm/disk_format.h"

#include "base/error.h"
#include "base/fd.h"
#include "vm/decompress.h"
#include "vm/disk_tables.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include <sys/stat.h>

namespace templatefs::vm {

namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view name;
  std::size_t offset;
  std::string_view bytes;
};

constexpr std::array kFormats{Magic{"qcow2", 0, "QFI\xfb\0\0\0\2"sv}, Magic{"qcow2", 0, "QFI\xfb\0\0\0\3"sv},
                              Magic{"vmdk", 0, "KDMV"}, Magic{"vdi", 64, "\x7f\x10\xda\xbe"sv},
                              Magic{"vhdx", 0, "vhdxfile"}};

constexpr std::array kOtherDisks{Magic{"a qcow image of another version", 0, "QFI\xfb"sv},
                                 Magic{"a VMware ESX sparse extent", 0, "COWD"},
                                 Magic{"a VHD image", 0, "conectix"},
                                 Magic{"a QED image", 0, "QED\0"sv},
                                 Magic{"a Parallels image", 0, "WithoutFreeSpace"},
                                 Magic{"a Parallels image", 0, "WithouFreSpacExt"}};

constexpr std::array kNoDisks{
    Magic{"a zip archive", 0, "PK\3\4"}, Magic{"a 7z archive", 0, "7z\xbc\xaf\x27\x1c"sv},
    Magic{"a RAR archive", 0, "Rar!\x1a\7"}, Magic{"compressed with lzip", 0, "LZIP"},
    Magic{"compressed with lz4", 0, "\x04\x22\x4d\x18"sv}};

template <std::size_t N>
std::string_view find(std::array<Magic, N> const& magics, std::string_view head) {
  auto const found = std::find_if(magics.begin(), magics.end(), [&](Magic const& each) {
    return head.size() > each.offset && head.substr(each.offset).starts_with(each.bytes);
  });
  return found == magics.end() ? std::string_view() : found->name;
}

std::int64_t size_of(Fd const& file, std::string const& subject) {
  struct stat st {};
  check(::fstat(file.get(), &st), "stat", subject);
  return st.st_size;
}

}  // namespace

bool is_tar(std::string_view head) noexcept {
  constexpr std::size_t kHeader = 512, kAt = 148, kLength = 8;
  if (head.size() < kHeader) return false;
  auto const field = head.substr(kAt, kLength);
  auto const digits = field.substr(std::min(field.find_first_not_of(' '), field.size()));
  unsigned written = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), written, 8).ec != std::errc())
    return false;
  unsigned sum = kLength * ' ';
  for (std::size_t at = 0; at < kHeader; ++at)
    if (at < kAt || at >= kAt + kLength) sum += static_cast<unsigned char>(head[at]);
  // Nothing but zeroes sums up to the eight blanks.
  return sum == written && sum != kLength * ' ';
}

std::string_view disk_format_of(std::string_view head, std::string const& subject) {
  if (head.empty()) throw Error(EINVAL, "import " + subject + ": it is empty");
  if (auto const known = find(kFormats, head); !known.empty()) return known;
  if (auto const other = find(kOtherDisks, head); !other.empty())
    throw Error(EINVAL, "import " + subject + ": it is " + std::string(other),
                "Convert it first: qemu-img convert -O qcow2 OLD NEW.qcow2.");
  if (head.starts_with("# Disk DescriptorFile"))
    throw Error(EINVAL, "import " + subject + ": it only describes a VMware disk, which is in other files",
                "Make one file of it: qemu-img convert -O qcow2 DESCRIPTOR.vmdk NEW.qcow2.");
  auto none = std::string(find(kNoDisks, head));
  if (auto const compression = compression_of(head); !compression.empty())
    none = "compressed once more, with " + std::string(compression);
  if (!none.empty())
    throw Error(EINVAL, "import " + subject + ": it is " + none,
                "Unpack it first; gzip, bzip2, xz, zstd and tar are read as they are.");
  return "raw";
}

void require_self_contained(Fd const& file, std::string_view format, std::string const& subject) {
  if (format == "qcow2") require_self_contained_qcow2({file, subject});
  if (format == "vmdk") require_self_contained_vmdk({file, subject});
  // The other two have no means to name another file that QEMU would follow.
}

void require_whole(Fd const& file, std::string_view format, std::string const& subject) {
  auto const size = size_of(file, subject);
  std::int64_t end = size;
  if (format == "qcow2") end = end_of_qcow2({file, subject});
  if (format == "vmdk") end = end_of_vmdk({file, subject});
  if (format == "vdi") end = end_of_vdi({file, subject});
  // QEMU looks at a VHDX's table as it opens it, and rounds the file up to a sector.
  if (format == "vhdx") end = (size + 511) / 512 * 512;
  if (end > size)
    throw Error(EINVAL,
                "import " + subject + ": it is cut short: its data reach to byte " + std::to_string(end) +
                    ", the file ends at byte " + std::to_string(size),
                "Fetch it again.");
}

}  // namespace templatefs::vm

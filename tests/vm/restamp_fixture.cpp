// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/restamp_fixture.h"

#include "base/fd.h"
#include "base/files.h"
#include "tests/support/mounted_image.h"
#include "vm/host_builder.h"
#include "vm/restamp.h"

#include <set>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::vm {

void RestampTest::build_in_guest(std::string_view filesystem, std::int64_t mib) {
  row_ = find_filesystem(filesystem);
  (void)build(spec_of(filesystem, mib));
}

void RestampTest::build_on_host(std::string_view filesystem, std::int64_t mib,
                                std::vector<std::string> arguments) {
  row_ = find_filesystem(filesystem);
  auto const spec = spec_of(filesystem, mib, std::move(arguments));
  make_image(image_, spec.capacity.bytes());
  (void)HostBuilder({}).build(spec, image_, log_, {}, {});
}

std::string RestampTest::copy(std::string const& from, std::string const& name) const {
  auto to = scratch_ / name;
  EXPECT_TRUE(succeeds({"cp", "--sparse=always", from, to}));
  return to;
}

void RestampTest::stamp(std::string const& image) const {
  Fd const original = open_at(AT_FDCWD, image_, O_RDONLY);
  Fd const file = open_at(AT_FDCWD, image, O_RDWR);
  restamp(*row_, file.get(), original.get());
}

std::string RestampTest::uuid_of(std::string const& image, std::int64_t offset) {
  auto const found =
      run_command({"/usr/sbin/blkid", "-p", "-O", std::to_string(offset), "-o", "value", "-s", "UUID", image},
                  Deadline::after(std::chrono::seconds(10)));
  EXPECT_TRUE(found.status.success()) << image << " at " << offset;
  return found.text;
}

void RestampTest::expect_clean(std::vector<std::string> const& images) const {
  for (auto const& image : images) EXPECT_TRUE(is_clean(*row_, image)) << image;
}

void RestampTest::write_side_by_side(std::vector<std::string> const& images, int round) const {
  std::string const type(row_->mount_type);
  if (::geteuid() != 0 || !test::kernel_mounts(type)) return;
  std::vector<std::unique_ptr<test::MountedImage>> mounts;
  mounts.reserve(images.size());
  for (auto const& image : images)
    mounts.push_back(std::make_unique<test::MountedImage>(image, type, image + ".mnt"));
  auto const name = [&](auto const& mount, int of) { return mount->path() + "/" + std::to_string(of); };
  for (auto const& mount : mounts)
    replace_file(AT_FDCWD, name(mount, round), "of " + mount->path(), 0600, true);
  for (auto const& mount : mounts)
    for (int before = 0; before <= round; ++before)
      EXPECT_EQ(read_file(AT_FDCWD, name(mount, before)), "of " + mount->path());
}

void RestampTest::expect_copies_apart(int rounds) {
  std::vector<std::string> const copies{copy(image_, "one"), copy(image_, "two")};
  std::vector<std::string> const all{image_, copies[0], copies[1]};
  std::set<std::string> seen;
  for (int round = 0; round < rounds; ++round) {
    for (auto const& image : copies) {
      Fd const file = open_at(AT_FDCWD, image, O_RDWR);
      restamp(*row_, file.get());
    }
    for (auto const& image : all) seen.insert(uuid_of(image));
    EXPECT_EQ(seen.size(), 3u + 2 * static_cast<unsigned>(round));
    expect_clean(copies);
    write_side_by_side(all, round);
    expect_clean(copies);
  }
}

}  // namespace templatefs::vm

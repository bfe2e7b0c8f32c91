// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "base/files.h"
#include "tests/vm/disk_image_fixture.h"

#include <cerrno>
#include <csignal>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace templatefs::vm {

/// A file that nobody may as much as open.
class ForbiddenFile {
 public:
  explicit ForbiddenFile(std::string const& path) : watch_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    check(::inotify_add_watch(watch_.get(), path.c_str(), IN_OPEN | IN_ACCESS), "watch", path);
  }
  bool was_opened() const {
    char events[4096];
    return ::read(watch_.get(), events, sizeof events) > 0;
  }

 private:
  Fd watch_;
};

class DiskImageReferences : public DiskImageTest {
 protected:
  void expect_not_followed(std::string const& file, std::string const& other, std::string const& words) {
    for (auto const* packing : {"", "gz", "tar"}) {
      auto const subject = packed(file, packing);
      ForbiddenFile const forbidden(other);
      expect_refused(subject, words);
      EXPECT_FALSE(forbidden.was_opened()) << words;
    }
  }
};

TEST_F(DiskImageReferences, TheWatchWouldNoticeQemu) {
  ASSERT_TRUE(
      succeeds({"qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", raw(), scratch_ / "over"}));
  ForbiddenFile const forbidden(raw());
  ASSERT_TRUE(succeeds({"qemu-img", "check", "-q", "-f", "qcow2", scratch_ / "over"}));
  EXPECT_TRUE(forbidden.was_opened());
}

TEST_F(DiskImageReferences, AnOverlayIsRefusedAndItsBackingFileNeverOpened) {
  auto const over = scratch_ / "over";
  ASSERT_TRUE(succeeds({"qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", raw(), over}));
  expect_not_followed(over, raw(), "an overlay of another image, " + raw());
  auto const base = converted("vmdk");
  ASSERT_TRUE(
      succeeds({"qemu-img", "create", "-q", "-f", "vmdk", "-F", "vmdk", "-b", base, scratch_ / "over2"}));
  expect_not_followed(scratch_ / "over2", base, "an overlay of another image");
}

TEST_F(DiskImageReferences, AnExternalDataFileIsRefusedAndNeverOpened) {
  auto const data = scratch_ / "data";
  ASSERT_TRUE(succeeds({"qemu-img", "create", "-q", "-f", "qcow2", "-o",
                        "data_file=" + data + ",data_file_raw=on", scratch_ / "outside", "8M"}));
  expect_not_followed(scratch_ / "outside", data, "its data are in another file");
}

TEST_F(DiskImageReferences, ExtentsElsewhereAreRefusedAndNeverOpened) {
  for (std::string const subformat : {"monolithicFlat", "twoGbMaxExtentSparse"}) {
    converted("vmdk", {"-o", "subformat=" + subformat});
    auto const extent = scratch_ / (subformat == "monolithicFlat" ? "disk-flat.vmdk" : "disk-s001.vmdk");
    expect_not_followed(raw() + ".vmdk", extent, "only describes a VMware disk");
  }
  expect_refused(scratch_ / "disk-s001.vmdk", "one of several files of a disk");
}

TEST_F(DiskImageReferences, AVmdkWhoseHeaderSendsQemuToItsDescriptorIsRefused) {
  // With a capacity of zero QEMU takes the extents of the descriptor that is in the file.
  auto const secret = scratch_ / "secret";
  write_file(secret, std::string(1 << 20, 's'));
  std::string file(64 << 10, '\0');
  file.replace(0, 5, std::string("KDMV\1", 5));
  file[28] = 1;  // the descriptor's sector
  file[36] = 20;
  auto const descriptor =
      "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n"
      "createType=\"monolithicFlat\"\nRW 2048 FLAT \"" +
      secret + "\" 0\n";
  file.replace(512, descriptor.size(), descriptor);
  write_file(scratch_ / "trap.vmdk", file);
  expect_not_followed(scratch_ / "trap.vmdk", secret, "only describes a disk");
}

}  // namespace templatefs::vm

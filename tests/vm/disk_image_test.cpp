// SPDX-License-Identifier: Apache-2.0
#include "vm/disk_image.h"

#include "base/copy_file.h"
#include "base/fd.h"
#include "base/files.h"
#include "tests/vm/disk_image_fixture.h"

#include <cerrno>
#include <thread>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::vm {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

struct Form {
  std::string format;
  std::string packing;
  friend void PrintTo(Form const& form, std::ostream* out) { *out << form.format << " " << form.packing; }
};

std::vector<Form> all_forms() {
  std::vector<Form> forms;
  for (auto const* format : {"raw", "qcow2", "vmdk", "vdi", "vhdx"})
    for (auto const* packing : {"", "gz", "xz", "zst", "bz2", "tar", "tar.xz"})
      forms.push_back({format, packing});
  return forms;
}

std::string name_of_compression(std::string const& packing) {
  static std::map<std::string, std::string> const kNames{
      {"gz", "gzip"}, {"xz", "xz"}, {"zst", "zstd"}, {"bz2", "bzip2"}, {"tar.xz", "xz"}};
  auto const found = kNames.find(packing);
  return found == kNames.end() ? "" : found->second;
}

}  // namespace

class DiskImageForms : public DiskImageTest, public testing::WithParamInterface<Form> {};

TEST_P(DiskImageForms, ComesOutByteForByteWithTheDigestOfThePlainOne) {
  auto const plain = read(raw());
  auto const& [format, packing] = GetParam();
  auto const expected = padded();
  auto const file = packed(converted(format), packing);
  // The name tells nothing.
  ASSERT_EQ(::rename(file.c_str(), (scratch_ / "nameless").c_str()), 0);
  auto const image = read(scratch_ / "nameless");
  EXPECT_EQ(image.format, format);
  EXPECT_EQ(image.compression, name_of_compression(packing));
  EXPECT_EQ(image.member, !packing.starts_with("tar") ? "" : format == "raw" ? "disk" : "disk." + format);
  EXPECT_EQ(image.bytes, (64 << 20) + 4096);
  EXPECT_EQ(image.content_sha256, plain.content_sha256);
  EXPECT_TRUE(read_file(AT_FDCWD, target(), 1 << 30) == expected);
  // Eight places of data, each at most its blocks of 64 KiB wide.
  EXPECT_LT(allocated_bytes(target()), 3 << 20);
}

INSTANTIATE_TEST_SUITE_P(, DiskImageForms, testing::ValuesIn(all_forms()), [](auto const& form) {
  auto name = form.param.format + "_" + (form.param.packing.empty() ? "plain" : form.param.packing);
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

class DiskImages : public DiskImageTest {};

TEST_F(DiskImages, SubformatsAreReadAsWell) {
  auto const plain = read(raw());
  std::vector<std::pair<std::string, std::vector<std::string>>> const subformats{
      {"qcow2", {"-c"}},
      {"qcow2", {"-c", "-o", "compression_type=zstd"}},
      {"qcow2", {"-o", "compat=0.10"}},
      {"qcow2", {"-o", "extended_l2=on,cluster_size=128k"}},
      {"qcow2", {"-o", "cluster_size=512"}},
      {"qcow2", {"-o", "preallocation=metadata"}},
      {"vmdk", {"-o", "subformat=streamOptimized"}},
      {"vdi", {"-o", "static=on"}},
      {"vhdx", {"-o", "subformat=fixed"}}};
  for (auto const& [format, options] : subformats) {
    SCOPED_TRACE(format + " " + options.back());
    EXPECT_EQ(read(converted(format, options)).content_sha256, plain.content_sha256);
    EXPECT_LT(allocated_bytes(target()), 3 << 20);
  }
}

TEST_F(DiskImages, HolesInATarStayHoles) {
  sh("truncate -s 70M disk");
  auto const expected = padded();
  EXPECT_EQ(read(tar_of({"disk"}, {"--sparse"})).bytes, 70 << 20);
  EXPECT_TRUE(read_file(AT_FDCWD, target(), 1 << 30) == expected);
  make_image(scratch_ / "hole", 70 << 20);
  EXPECT_EQ(read(tar_of({"hole"}, {"--sparse"})).bytes, 70 << 20);
  EXPECT_EQ(allocated_bytes(target()), 0);
}

TEST_F(DiskImages, TheDigestTellsSizeAndPlaceOfTheSameBytes) {
  std::set<std::string> digests{read(raw()).content_sha256};
  sh("truncate -s +4096 disk");
  EXPECT_TRUE(digests.insert(read(raw()).content_sha256).second);
  sh("printf x | dd of=disk bs=1 seek=40M conv=notrunc status=none");
  EXPECT_TRUE(digests.insert(read(raw()).content_sha256).second);
  sh("printf '\\0' | dd of=disk bs=1 seek=40M conv=notrunc status=none\n"
     "printf x | dd of=disk bs=1 seek=41M conv=notrunc status=none");
  EXPECT_TRUE(digests.insert(read(raw()).content_sha256).second);
}

TEST_F(DiskImages, AnythingElseIsRawButNothingIsRefused) {
  write_file(scratch_ / "text", "a line\n");
  auto const image = read(scratch_ / "text");
  EXPECT_EQ(image.format, "raw");
  EXPECT_EQ(image.bytes, 4096);
  EXPECT_EQ(read_file(AT_FDCWD, target()), "a line\n" + std::string(4089, '\0'));
  sh(": >empty\ngzip -c empty >empty.gz\nmkdir d\ntar -cf d.tar d\nmkfifo fifo");
  expect_refused(scratch_ / "empty", "is empty");
  expect_refused(scratch_ / "empty.gz", "is empty");
  expect_refused(scratch_ / "d.tar", "without any file");
  expect_refused(scratch_ / "fifo", "no regular file");
  expect_refused(scratch_ / "d", "no regular file");
  expect_refused(scratch_ / "absent", "absent", ENOENT);
}

TEST_F(DiskImages, ADiskThatBeginsWithZeroesIsNoTar) {
  make_image(scratch_ / "zeroes", 1 << 20);
  for (auto const* packing : {"", "gz", "tar"}) {
    auto const image = read(packed(scratch_ / "zeroes", packing));
    EXPECT_EQ(image.format, "raw");
    EXPECT_EQ(image.bytes, 1 << 20);
    EXPECT_EQ(allocated_bytes(target()), 0);
  }
}

TEST_F(DiskImages, ProgressIsToldByPhase) {
  auto const phases = [&] {
    std::vector<std::string> names;
    for (auto const& [name, done] : phases_) names.push_back(name);
    return names;
  };
  read(packed(converted("qcow2"), "gz"));
  EXPECT_THAT(phases(), ElementsAre("read", "convert", "check"));
  EXPECT_EQ(phases_[1].second, (64 << 20) + 1536);
  read(packed(raw(), "xz"));
  EXPECT_THAT(phases(), ElementsAre("read", "check"));
}

TEST_F(DiskImages, AStopRequestEndsEveryPhaseAndLeavesNothing) {
  stop_.request_stop();
  for (auto const* packing : {"", "gz"})
    for (auto const* format : {"raw", "qcow2"})
      expect_refused(packed(converted(format), packing), "", ECANCELED);
}

TEST_F(DiskImages, AStopRequestEndsTheProgramThatConverts) {
  auto const real = find_on_path("qemu-img");
  write_script(scratch_ / "bin/qemu-img", "case $1 in convert) : >" + scratch_ / "started" +
                                              "; exec sleep 60;; esac\nexec " + real + " \"$@\"");
  auto const file = converted("qcow2");
  ScopedVariable const path("PATH", scratch_ / "bin" + ":/usr/bin:/bin");
  std::jthread const stopper([&] {
    while (::access((scratch_ / "started").c_str(), F_OK) != 0) std::this_thread::yield();
    stop_.request_stop();
  });
  expect_refused(file, "stopped", ECANCELED);
}

TEST_F(DiskImages, WithoutQemuImgThePackageIsNamed) {
  auto const file = converted("qcow2");
  ScopedVariable const path("PATH", scratch_ / "bin");
  expect_refused(file, "qemu-utils", ENOPKG);
  EXPECT_EQ(read(raw()).format, "raw");
}

TEST_F(DiskImages, AFileThatChangesMeanwhileIsRefused) {
  auto const real = find_on_path("qemu-img");
  auto const file = converted("qcow2");
  write_script(scratch_ / "bin/qemu-img",
               "case $1 in convert) touch " + file + ";; esac\nexec " + real + " \"$@\"");
  ScopedVariable const path("PATH", scratch_ / "bin" + ":/usr/bin:/bin");
  expect_refused(file, "changed while it was read", EAGAIN);
}

TEST_F(DiskImages, AnExistingTargetIsNotTouched) {
  write_file(target(), "mine");
  EXPECT_EQ(
      error_of([&] {
        read_disk_image(raw(), target(), scratch_.path(), kLimit, {Deadline::never(), stop_.get_token()});
      }).err(),
      EEXIST);
  EXPECT_EQ(read_file(AT_FDCWD, target()), "mine");
}

}  // namespace templatefs::vm

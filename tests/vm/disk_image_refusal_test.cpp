// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"
#include "base/files.h"
#include "tests/vm/disk_image_fixture.h"

#include <cerrno>
#include <csignal>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::vm {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

namespace {

/// No file of this process grows beyond it: EFBIG.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit const limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, SIG_DFL);
  }
  FileSizeLimit(FileSizeLimit const&) = delete;
  FileSizeLimit& operator=(FileSizeLimit const&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

class DiskImageRefusals : public DiskImageTest {};

TEST_F(DiskImageRefusals, EachFormatThatIsCutShortIsNoticed) {
  struct Case {
    std::string format;
    std::vector<std::string> options;
  };
  for (auto const& [format, options] : std::vector<Case>{{"qcow2", {}},
                                                         {"qcow2", {"-c"}},
                                                         {"qcow2", {"-o", "extended_l2=on"}},
                                                         {"vmdk", {}},
                                                         {"vmdk", {"-o", "subformat=streamOptimized"}},
                                                         {"vdi", {}},
                                                         {"vhdx", {}}}) {
    SCOPED_TRACE(format + (options.empty() ? "" : " " + options.back()));
    // Nobody would miss what is behind the end of the disk in its last cluster: there is nothing.
    sh("truncate -s 64M disk; head -c 64K /dev/urandom | dd of=disk bs=64K seek=1023 conv=notrunc "
       "status=none");
    auto const file = converted(format, options);
    struct stat st {};
    ASSERT_EQ(::stat(file.c_str(), &st), 0);
    for (auto const by : {std::int64_t{1}, std::int64_t{512}, std::int64_t{4096}, std::int64_t{65536},
                          st.st_size / 2, st.st_size - 70'000, st.st_size - 600}) {
      SCOPED_TRACE(by);
      // A compressed stream ends in a block of padding that is nobody's data.
      if (by == 1 && format == "vmdk" && !options.empty()) continue;
      expect_refused(cut_by(file, by), "");
    }
    EXPECT_GT(read(file).bytes, 0);
  }
}

TEST_F(DiskImageRefusals, TheSentenceTellsWhereTheFileEnds) {
  auto const file = cut_by(converted("vdi"), 1000);
  struct stat st {};
  ASSERT_EQ(::stat(file.c_str(), &st), 0);
  expect_refused(file, "reach to byte " + std::to_string(st.st_size + 1000) + ", the file ends at byte " +
                           std::to_string(st.st_size));
}

TEST_F(DiskImageRefusals, EachCompressionThatIsCutShortIsNoticedWithTheOffset) {
  for (auto const* packing : {"gz", "xz", "zst", "bz2", "tar.gz", "tar.xz", "tar.zst", "tar.bz2"}) {
    SCOPED_TRACE(packing);
    sh("truncate -s 10M disk");
    auto const file = packed(raw(), packing);
    struct stat st {};
    ASSERT_EQ(::stat(file.c_str(), &st), 0);
    for (auto const bytes : {st.st_size - 1, st.st_size - 5, st.st_size - 20, st.st_size - 1000,
                             st.st_size / 2, std::int64_t{100}, std::int64_t{11}}) {
      SCOPED_TRACE(bytes);
      auto const error = expect_refused(cut(file, bytes), "cut short at byte ");
      auto const at = error.sentence().find("at byte ") + 8;
      EXPECT_LE(std::stoll(error.sentence().substr(at)), bytes);
    }
  }
}

TEST_F(DiskImageRefusals, ATarThatIsCutShortIsNoticed) {
  auto const file = packed(raw(), "tar");
  for (auto const bytes : {600, 10'000, 30 << 20, (64 << 20) + 1536})
    expect_refused(cut(file, bytes), "cut short at byte ");
}

TEST_F(DiskImageRefusals, DamageIsNoticedWhereTheFormatHasAChecksum) {
  sh("truncate -s 10M disk");
  for (auto const* packing : {"gz", "xz", "zst", "bz2"}) {
    SCOPED_TRACE(packing);
    auto const file = packed(raw(), packing);
    // In the noise, which is stored as it is, and in the checksum at the end.
    for (auto const* where : {"600000", "$(($(stat -c %s "}) {
      std::string const at = std::string(where).starts_with("$") ? where + file + ") - 6))" : where;
      sh("cp " + file + " damaged; printf '\\252\\125' | dd of=damaged bs=1 seek=" + at +
         " conv=notrunc status=none");
      expect_refused(scratch_ / "damaged", " at byte ");
    }
  }
}

TEST_F(DiskImageRefusals, DamagedTablesAreRefusedInQemusWords) {
  auto const file = converted("qcow2");
  sh("printf '\\377\\377\\377' | dd of=" + file + " bs=1 seek=45 conv=notrunc status=none");
  expect_refused(file, "qemu-img: ");
}

TEST_F(DiskImageRefusals, GarbageBehindGzipIsRefusedAndPaddingIsNot) {
  auto const file = packed(raw(), "gz");
  sh("head -c 1000 /dev/zero >>" + file);
  EXPECT_EQ(read(file).compression, "gzip");
  sh("echo garbage >>" + file);
  expect_refused(file, "at byte ");
}

TEST_F(DiskImageRefusals, CompressedPiecesOneAfterAnotherAreOneDisk) {
  auto const plain = read(raw()).content_sha256;
  for (std::string const how : {"gzip -1", "xz -0", "zstd -q", "bzip2 -1"}) {
    SCOPED_TRACE(how);
    sh("{ head -c 30000001 disk | " + how + "; tail -c +30000002 disk | " + how + "; } >pieces");
    EXPECT_EQ(read(scratch_ / "pieces").content_sha256, plain);
  }
}

TEST_F(DiskImageRefusals, ADiskAboveTheLimitIsRefusedBeforeItIsConverted) {
  constexpr std::int64_t kMiB = 1 << 20;
  make_image(scratch_ / "large", 128 * kMiB);
  for (auto const* format : {"qcow2", "vmdk", "vdi", "vhdx"}) {
    auto const file = scratch_ / "large." + format;
    ASSERT_TRUE(succeeds({"qemu-img", "create", "-q", "-f", format, file, "128M"}));
    auto const error = expect_refused(file, "more than 100M", EFBIG, 100 * kMiB);
    EXPECT_THAT(error.remedy(), HasSubstr("--max-capacity"));
    EXPECT_THAT(phases_, Not(Contains(Pair("convert", testing::_))));
    EXPECT_EQ(read(file, 128 * kMiB).bytes, 128 * kMiB);
  }
  expect_refused(scratch_ / "large", "more than 100M", EFBIG, 100 * kMiB);
  expect_refused(tar_of({"large"}), "more than 100M", EFBIG, 100 * kMiB);
  expect_refused(tar_of({"large"}, {"--sparse"}), "more than 100M", EFBIG, 100 * kMiB);
}

TEST_F(DiskImageRefusals, ABombIsStoppedAsItPassesTheLimit) {
  constexpr std::int64_t kMiB = 1 << 20;
  // Whatever writes beyond the limit fails in other words than these.
  FileSizeLimit const nothing_larger(4 * kMiB);
  for (std::string const how : {"gzip -1", "xz -0", "zstd -q", "bzip2 -1"})
    for (std::string const head : {"", "QFI\\373\\0\\0\\0\\3"})
      for (std::string const filter : {"cat", "tr '\\0' x"}) {
        SCOPED_TRACE(how + " " + head + " " + filter);
        sh("{ printf '" + head + "'; head -c 64M /dev/zero | " + filter + "; } | " + how + " >bomb");
        struct stat st {};
        ASSERT_EQ(::stat((scratch_ / "bomb").c_str(), &st), 0);
        expect_refused(scratch_ / "bomb", "more than 4M", EFBIG, 4 * kMiB);
        // 64 KiB of it are read at a time.
        EXPECT_LE(phases_.back().second, st.st_size / 8 + (128 << 10));
      }
}

TEST_F(DiskImageRefusals, ATarWithSeveralFilesIsRefusedWithTheirNames) {
  sh("mkdir d\necho one >d/one\necho two >two");
  expect_refused(tar_of({"d", "two"}), "several files: d/one, two");
  expect_refused(packed(tar_of({"d", "two"}), "gz"), "several files: d/one, two");
  EXPECT_EQ(read(tar_of({"d"})).member, "d/one");
  sh("ln -s /etc/passwd link\nln two hard");
  EXPECT_EQ(read(tar_of({"link", "two", "hard"})).member, "two");
}

TEST_F(DiskImageRefusals, NamesInATarLeadNowhere) {
  write_file(scratch_ / "sub/disk", "inside");
  for (auto const* name : {"../disk2", "/tmp/../disk2", "a/../../disk2"}) {
    SCOPED_TRACE(name);
    auto const before = [&] {
      std::set<std::string> names;
      for_each_entry(AT_FDCWD, scratch_.path(), [&](std::string const& each) { names.insert(each); });
      return names;
    };
    auto const file = tar_of({"sub/disk"}, {"-P", std::string("--transform=s,.*,") + name + ","});
    (void)read(file);
    auto names = before();
    EXPECT_EQ(read(file).member, name);
    EXPECT_EQ(before(), names);
    EXPECT_NE(::access((scratch_ / "disk2").c_str(), F_OK), 0);
  }
}

TEST_F(DiskImageRefusals, WhatIsCompressedTwiceOrOtherwiseIsNamed) {
  expect_refused(packed(packed(raw(), "gz"), "tar"), "compressed once more, with gzip");
  expect_refused(packed(packed(raw(), "gz"), "xz"), "compressed once more, with gzip");
  write_file(scratch_ / "zip", std::string("PK\3\4", 4) + std::string(1000, 'z'));
  expect_refused(scratch_ / "zip", "a zip archive");
  ASSERT_TRUE(succeeds({"qemu-img", "create", "-q", "-f", "vpc", scratch_ / "vhd", "8M"}));
  expect_refused(scratch_ / "vhd", "a VHD image");
}

}  // namespace templatefs::vm

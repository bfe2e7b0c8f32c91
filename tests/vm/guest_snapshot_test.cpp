// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/vm/filesystem_rows.h"
#include "tests/vm/guest_fixture.h"
#include "tests/vm/shelf.h"

#include <cerrno>
#include <ctime>
#include <set>
#include <thread>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class GuestSnapshot : public GuestTest {
 protected:
  GuestSnapshot() { options_.shelf = shelf_; }

  /// A word of `dumpe2fs -h`.
  std::string superblock_field(std::string const& field) const {
    auto const text = run_command({"dumpe2fs", "-h", image_}, Deadline::after(std::chrono::seconds(30))).text;
    auto const at = text.find(field + ":");
    if (at == std::string::npos) return "";
    auto const start = text.find_first_not_of(' ', at + field.size() + 1);
    return text.substr(start, text.find('\n', start) - start);
  }
  void expect_booted(BuildSpec const& spec) {
    auto const report = build(spec);
    EXPECT_EQ(phases_.front() == "restore" ? phases_.at(1) : phases_.front(), "boot");
    EXPECT_TRUE(report.mounted);
    EXPECT_TRUE(is_clean(*spec.filesystem, image_));
  }
  void expect_restored(BuildSpec const& spec) {
    (void)build(spec);
    EXPECT_EQ(phases_.front(), "restore");
    EXPECT_TRUE(is_clean(*spec.filesystem, image_)) << spec.capacity.bytes();
  }
  /// A guest is saved, and then spoiled.
  void save_and_spoil(std::function<void(std::string const& directory)> const& spoil) {
    (void)build(ext4_);
    ASSERT_EQ(shelf_->saved().size(), 1u);
    spoil(shelf_->saved().front());
    expect_booted(ext4_);
    ASSERT_EQ(shelf_->given_up().size(), 1u);
    expect_booted(ext4_);
    EXPECT_THAT(phases_, testing::Not(testing::Contains("restore"))) << "it is not tried again";
  }

  std::shared_ptr<Shelf> shelf_ = std::make_shared<Shelf>(scratch_ / "shelf");
  BuildSpec ext4_ = spec_of("ext4", 64);
};

}  // namespace

TEST_F(GuestSnapshot, TheFirstBuildSavesItsGuestAndGoesOn) {
  auto const report = build(ext4_);
  EXPECT_THAT(phases_, ElementsAre("boot", "save", "format", "mount", "sync"));
  EXPECT_TRUE(report.mounted);
  EXPECT_TRUE(is_clean(*ext4_.filesystem, image_));
  ASSERT_EQ(shelf_->saved().size(), 1u);
  EXPECT_LT(allocated_bytes(shelf_->saved().front() + "/memory"), 200 << 20);
  expect_restored(ext4_);
  EXPECT_THAT(phases_, ElementsAre("restore", "format", "mount", "sync"));
}

TEST_F(GuestSnapshot, TwoBuildsFromOneHaveUuidsAndClocksOfTheirOwn) {
  (void)build(ext4_);
  std::set<std::string> uuids{superblock_field("Filesystem UUID")},
      hashes{superblock_field("Directory Hash Seed")};
  for (int each = 0; each < 2; ++each) {
    auto const before = std::time(nullptr);
    expect_restored(ext4_);
    auto const after = std::time(nullptr);
    uuids.insert(superblock_field("Filesystem UUID"));
    hashes.insert(superblock_field("Directory Hash Seed"));
    std::tm created{};
    ASSERT_NE(::strptime(superblock_field("Filesystem created").c_str(), "%a %b %d %H:%M:%S %Y", &created),
              nullptr);
    created.tm_isdst = -1;
    EXPECT_GE(std::mktime(&created), before);
    EXPECT_LE(std::mktime(&created), after);
  }
  EXPECT_EQ(uuids.size(), 3u);
  EXPECT_EQ(hashes.size(), 3u);
}

TEST_F(GuestSnapshot, ServesAnyCapacityAndArguments) {
  (void)build(ext4_);
  for (std::int64_t const mib : {1L, 512L, 1L << 20}) expect_restored(spec_of("ext4", mib));
  expect_restored(spec_of("ext4", 64, {"-L", "named"}));
  EXPECT_EQ(superblock_field("Filesystem volume name"), "named");
  EXPECT_EQ(shelf_->saved().size(), 1u);
}

class GuestSnapshotOf : public GuestSnapshot, public testing::WithParamInterface<FilesystemRow> {};

TEST_P(GuestSnapshotOf, IsCleanAndWasMounted) {
  auto const& row = GetParam();
  (void)build(spec_of(row.name, 512));
  auto const minimum = std::max<std::int64_t>(row.filesystem().minimum_bytes >> 20, 1);
  for (auto const mib : {minimum, std::int64_t{512}}) {
    expect_restored(spec_of(row.name, mib));
    EXPECT_EQ(magic_of(image_, row.filesystem()), row.filesystem().magic);
  }
}

INSTANTIATE_TEST_SUITE_P(Filesystems, GuestSnapshotOf, testing::ValuesIn(filesystem_rows()),
                         [](auto const& row) { return std::string(row.param.name); });

TEST_F(GuestSnapshot, AFormatterThatFailsInASavedGuestIsTheBuildsFailure) {
  (void)build(ext4_);
  auto const error = error_of([&] { build(spec_of("ext4", 16, {"-b", "100"})); });
  EXPECT_EQ(error.err(), EIO);
  EXPECT_THAT(error.sentence(), HasSubstr("invalid block size - 100"));
  EXPECT_THAT(shelf_->given_up(), IsEmpty());
}

TEST_F(GuestSnapshot, AMemoryThatWasCutShortIsGivenUp) {
  save_and_spoil([](auto const& dir) { ASSERT_EQ(::truncate((dir + "/memory").c_str(), 1 << 20), 0); });
}

TEST_F(GuestSnapshot, AMemoryThatWasDamagedIsGivenUp) {
  save_and_spoil([](auto const& dir) {
    Fd const memory = open_at(AT_FDCWD, dir + "/memory", O_RDWR);
    write_all_at(memory.get(), "damage", 20 << 20, "memory");
  });
}

TEST_F(GuestSnapshot, AStateThatWasDamagedIsGivenUp) {
  save_and_spoil([](auto const& dir) { write_file(dir + "/state", "no state"); });
}

TEST_F(GuestSnapshot, ADescriptionThatWasDamagedIsGivenUp) {
  save_and_spoil([](auto const& dir) { write_file(dir + "/guest.json", "{"); });
}

TEST_F(GuestSnapshot, AQemuThatHangsOnASavedGuestCostsTheLimitOnce) {
  write_script(scratch_ / "qemu",
               "case \"$*\" in *-incoming*) exec sleep 60;; esac; exec " + find_qemu("") + " \"$@\"");
  options_.qemu = scratch_ / "qemu";
  (void)build(ext4_);
  use_limit(std::chrono::milliseconds(700));
  expect_booted(ext4_);
  EXPECT_EQ(phases_.front(), "restore");
  EXPECT_EQ(shelf_->given_up().size(), 1u);
}

TEST_F(GuestSnapshot, AQemuThatHangsWhileItSavesIsLetGoAndAnotherBoots) {
  // It has memory of its own, which it then wants to put into the stream, and nobody reads that much.
  write_script(
      scratch_ / "qemu",
      "for word; do shift; case \"$word\" in *share=on*) "
      "word=\"${word%%share=on*}share=off${word#*share=on}\";; esac; set -- \"$@\" \"$word\"; done; exec " +
          find_qemu("") + " \"$@\"");
  options_.qemu = scratch_ / "qemu";
  use_limit(std::chrono::seconds(2));
  auto const report = build(ext4_);
  EXPECT_THAT(phases_, ElementsAre("boot", "save", "boot", "format", "mount", "sync"));
  EXPECT_TRUE(report.mounted);
  EXPECT_TRUE(is_clean(*ext4_.filesystem, image_));
  EXPECT_THAT(shelf_->saved(), IsEmpty());
  EXPECT_EQ(shelf_->given_up().size(), 1u);
}

TEST_F(GuestSnapshot, AStopRequestEndsASavedGuestAndGivesUpNothing) {
  (void)build(ext4_);
  stop_.request_stop();
  EXPECT_EQ(error_of([&] { build(ext4_); }).err(), ECANCELED);
  EXPECT_THAT(shelf_->given_up(), IsEmpty());
}

TEST_F(GuestSnapshot, ManyAtOnceShareOneAndNeverWait) {
  (void)build(ext4_);
  std::vector<std::jthread> threads;
  for (int each = 0; each < 8; ++each)
    threads.emplace_back([&, each] {
      auto const spec = spec_of(each % 2 == 0 ? "ext4" : "vfat", 16 + each);
      auto const image = make_image(scratch_ / ("image" + std::to_string(each)), spec.capacity.bytes());
      EXPECT_NO_THROW(
          GuestBuilder(options_).build(spec, image, scratch_ / ("log" + std::to_string(each)), {}, {}));
      EXPECT_TRUE(is_clean(*spec.filesystem, image));
    });
  threads.clear();
  EXPECT_EQ(shelf_->saved().size(), 2u);
  EXPECT_THAT(shelf_->given_up(), IsEmpty());
}

TEST_F(GuestSnapshot, WithoutTheRightToSaveTheGuestJustBoots) {
  auto const right = shelf_->claim("mkfs.ext4-whatever");
  (void)build(ext4_);
  EXPECT_THAT(phases_, ElementsAre("boot", "format", "mount", "sync"));
  EXPECT_THAT(shelf_->saved(), IsEmpty());
}

TEST_F(GuestSnapshot, NothingIsLeftBesideTheImage) {
  (void)build(ext4_);
  std::vector<std::string> names;
  for_each_entry(AT_FDCWD, scratch_.path(), [&](auto const& name) { names.push_back(name); });
  EXPECT_THAT(names, testing::UnorderedElementsAre("image", "log", "shelf", "shelf.lock"));
}

}  // namespace templatefs::vm

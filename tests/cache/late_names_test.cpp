// SPDX-License-Identifier: Apache-2.0
#include "cache/late_names.h"

#include "base/files.h"
#include "cache/layout.h"
#include "tests/support/temp_dir.h"

#include <map>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::cache {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

/// Any directory will do: that of a session is one as well.
class LateNamesTest : public ::testing::Test {
 protected:
  LateNamesTest() : images_(open_at(AT_FDCWD, dir_.path(), O_RDONLY | O_DIRECTORY)) {
    make_directories(images_.get(), layout::kSpares, 0700);
    make_directories(images_.get(), "ext4/64M", 0700);
  }
  LateName note(std::uint64_t spare, std::string const& path) {
    replace_file(images_.get(), file_of(spare), std::to_string(spare), 0600, false);
    return names_.note(spare, path).value();
  }
  void remove(LateName const& name) {
    remove_tree(images_.get(), file_of(name.spare));
    names_.forget(name);
  }
  static std::string file_of(std::uint64_t spare) {
    return std::string(layout::kSpares) + "/" + std::to_string(spare);
  }
  std::map<std::string, std::string> noted() const {
    std::map<std::string, std::string> all;
    for_each_late_name(images_.get(), [&](auto const& path, auto const& file) { all[path] = file; });
    return all;
  }
  std::int64_t journal_bytes() const {
    struct stat st {};
    EXPECT_EQ(::fstatat(images_.get(), layout::kLateNames, &st, 0), 0);
    return st.st_size;
  }

  test::TempDir dir_;
  Fd images_;
  LateNames names_{images_.get()};
};

TEST_F(LateNamesTest, WithoutAJournalThereAreNone) {
  EXPECT_THAT(noted(), IsEmpty());
  give_late_names(images_.get());
}

TEST_F(LateNamesTest, AreGivenByWhoeverTakesTheImagesOver) {
  (void)note(7, "ext4/64M/a.img");
  (void)note(12, "ext4/64M/b.img");
  EXPECT_THAT(noted(),
              ElementsAre(Pair("ext4/64M/a.img", ".spares/7"), Pair("ext4/64M/b.img", ".spares/12")));
  give_late_names(images_.get());
  EXPECT_EQ(read_file(images_.get(), "ext4/64M/a.img"), "7");
  EXPECT_EQ(read_file(images_.get(), "ext4/64M/b.img"), "12");
  EXPECT_THAT(noted(), IsEmpty());
}

TEST_F(LateNamesTest, OfAFileThatIsGoneThereIsNone) {
  remove(note(7, "ext4/64M/a.img"));
  EXPECT_THAT(noted(), IsEmpty());
}

TEST_F(LateNamesTest, TheNameOfARemovedImageIsFree) {
  auto const first = note(7, "ext4/64M/a.img");
  (void)note(8, "ext4/64M/b.img");
  remove(first);
  (void)note(9, "ext4/64M/a.img");
  EXPECT_THAT(noted(), ElementsAre(Pair("ext4/64M/a.img", ".spares/9"), Pair("ext4/64M/b.img", ".spares/8")));
}

TEST_F(LateNamesTest, TheJournalIsAsLongAsThereWereNamesAtOnce) {
  (void)note(1, "ext4/64M/a.img");
  auto const bytes = journal_bytes();
  for (std::uint64_t spare = 2; spare < 100; ++spare) remove(note(spare, "ext4/64M/b.img"));
  EXPECT_EQ(journal_bytes(), 2 * bytes);
}

TEST_F(LateNamesTest, ATooLongOneIsNotLate) {
  EXPECT_FALSE(names_.note(1, std::string(600, 'x')));
}

TEST_F(LateNamesTest, NoImageIsReplaced) {
  (void)note(7, "ext4/64M/a.img");
  replace_file(images_.get(), "ext4/64M/a.img", "first", 0600, false);
  give_late_names(images_.get());
  EXPECT_EQ(read_file(images_.get(), "ext4/64M/a.img"), "first");
}

}  // namespace
}  // namespace templatefs::cache

// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"

#include <cerrno>

#include <gmock/gmock.h>

#include <sys/xattr.h>
#include <unistd.h>

// How images come and go, and what is refused on their way.
namespace templatefs::test {

namespace {

using ::testing::Contains;
using ::testing::Not;

class ImageLife : public OnEachStore {
 protected:
  std::string case_name(std::string const& name) const {
    std::string const path = image(name);
    return path.substr(path.rfind('/') + 1);
  }
  bool is_listed(std::string const& name) const {
    auto const all = names_in(at("raw/1M"));
    return std::find(all.begin(), all.end(), case_name(name)) != all.end();
  }
};

TEST_P(ImageLife, TheFirstOpenMayBeForReadingOnly) {
  {
    auto const reader = open_file(image(), O_RDONLY);
    EXPECT_EQ(stat_of(reader.get()).st_size, 1 << 20);
    EXPECT_EQ(outcome(::pwrite(reader.get(), "x", 1, 0)), "EBADF");
    // Its backing file is shared with a later writer.
    write_at(open_file(image(), O_WRONLY).get(), "written", 0);
    EXPECT_EQ(read_at(reader.get(), 7, 0), "written");
  }
  EXPECT_TRUE(is_listed("a"));
}

TEST_P(ImageLife, CreatingAValidNameOpensIt) {
  write_at(open_file(image(), O_RDWR | O_CREAT).get(), "old", 0);
  EXPECT_EQ(stat_of(image()).st_size, 1 << 20);
  EXPECT_EQ(read_at(open_file(image(), O_RDWR | O_CREAT).get(), 3, 0), "old");
  // Every valid name exists, so nobody can be the one who creates it.
  EXPECT_EQ(open_outcome(image(), O_RDWR | O_CREAT | O_EXCL, 0600), "EEXIST");
  EXPECT_EQ(open_outcome(image("never"), O_RDWR | O_CREAT | O_EXCL, 0600), "EEXIST");
  EXPECT_FALSE(is_listed("never"));
}

TEST_P(ImageLife, TruncatingAtTheFirstOpenMakesAnEmptyImageWithoutATemplate) {
  ASSERT_EQ(open_outcome(at("ext4/17M/empty.img"), O_RDWR | O_TRUNC), "ok");
  EXPECT_EQ(stat_of(at("ext4/17M/empty.img")).st_size, 0);
  for (auto const& key : names_in_store(mount(), "templates"))
    EXPECT_FALSE(key.starts_with("ext4-17m-")) << key;
  // As cp does: the image has what was written, and no more.
  write_at(open_file(at("ext4/17M/empty.img"), O_WRONLY | O_CREAT | O_TRUNC).get(), "content", 0);
  EXPECT_EQ(stat_of(at("ext4/17M/empty.img")).st_size, 7);
  EXPECT_EQ(outcome(::unlink(at("ext4/17M/empty.img").c_str())), "ok");
}

TEST_P(ImageLife, TruncatingALaterOpenEmptiesIt) {
  auto const held = open_file(image());
  write_at(held.get(), "old", 0);
  ASSERT_EQ(open_outcome(image(), O_RDWR | O_TRUNC), "ok");
  EXPECT_EQ(stat_of(held.get()).st_size, 0);
  EXPECT_EQ(read_at(held.get(), 3, 0), "");
  ASSERT_EQ(outcome(::ftruncate(held.get(), 1 << 20)), "ok");
  EXPECT_EQ(read_at(held.get(), 3, 0), std::string(3, '\0'));
}

TEST_P(ImageLife, TruncateGrowsAndShrinks) {
  ASSERT_EQ(outcome(::truncate(image().c_str(), 3 << 20)), "ok") << "of a name that nobody opened";
  EXPECT_EQ(stat_of(image()).st_size, 3 << 20);
  auto const file = open_file(image());
  write_at(file.get(), "end", (3 << 20) - 3);
  ASSERT_EQ(outcome(::ftruncate(file.get(), 5000)), "ok");
  EXPECT_EQ(stat_of(image()).st_size, 5000);
  ASSERT_EQ(outcome(::ftruncate(file.get(), 3 << 20)), "ok");
  EXPECT_EQ(read_at(file.get(), 3, (3 << 20) - 3), std::string(3, '\0'));
  EXPECT_EQ(outcome(::ftruncate(file.get(), -1)), "EINVAL");
}

TEST_P(ImageLife, ItCanBeSyncedAndItsTimesSet) {
  auto const file = open_file(image());
  write_at(file.get(), "x", 0);
  EXPECT_EQ(outcome(::fsync(file.get())), "ok");
  EXPECT_EQ(outcome(::fdatasync(file.get())), "ok");
  timespec const times[2] = {{1'000'000'000, 5}, {1'100'000'000, 7}};
  ASSERT_EQ(outcome(::futimens(file.get(), times)), "ok");
  auto const st = stat_of(image());
  EXPECT_EQ(st.st_atim.tv_sec, 1'000'000'000);
  EXPECT_EQ(st.st_mtim.tv_sec, 1'100'000'000);
  EXPECT_EQ(st.st_mtim.tv_nsec, 7);
}

TEST_P(ImageLife, RenameMovesItWithinItsCapacity) {
  auto const held = open_file(image("a"));
  write_at(held.get(), "moved", 0);
  ASSERT_EQ(outcome(::rename(image("a").c_str(), image("b").c_str())), "ok")
      << "onto a name that nobody opened";
  EXPECT_FALSE(is_listed("a"));
  EXPECT_TRUE(is_listed("b"));
  EXPECT_EQ(read_at(open_file(image("b")).get(), 5, 0), "moved");
  EXPECT_EQ(read_at(open_file(image("a")).get(), 5, 0), std::string(5, '\0')) << "the old name is as new";
  write_at(held.get(), "later", 0);
  EXPECT_EQ(read_at(open_file(image("b")).get(), 5, 0), "later") << "who has it open goes along";
}

TEST_P(ImageLife, RenameReplacesAnImage) {
  write_at(open_file(image("a")).get(), "new", 0);
  auto const replaced = open_file(image("b"));
  write_at(replaced.get(), "old", 0);
  ASSERT_EQ(outcome(::rename(image("a").c_str(), image("b").c_str())), "ok");
  EXPECT_EQ(read_at(open_file(image("b")).get(), 3, 0), "new");
  EXPECT_EQ(read_at(replaced.get(), 3, 0), "old") << "who has the replaced one open keeps it";
  EXPECT_FALSE(is_listed("a"));
}

TEST_P(ImageLife, RenameWithoutReplacingFindsEveryValidNameTaken) {
  ASSERT_EQ(open_outcome(image("a"), O_RDWR), "ok");
  ASSERT_EQ(open_outcome(image("b"), O_RDWR), "ok");
  auto const rename_to = [&](std::string const& target, unsigned flags) {
    return outcome(::renameat2(AT_FDCWD, image("a").c_str(), AT_FDCWD, target.c_str(), flags));
  };
  EXPECT_EQ(rename_to(image("b"), RENAME_NOREPLACE), "EEXIST");
  EXPECT_EQ(rename_to(image("never"), RENAME_NOREPLACE), "EEXIST");
  EXPECT_EQ(rename_to(image("b"), RENAME_EXCHANGE), "EINVAL");
  EXPECT_TRUE(is_listed("a"));
  EXPECT_FALSE(is_listed("never"));
}

TEST_P(ImageLife, RenameElsewhereIsRefused) {
  write_at(open_file(image("a")).get(), "stays", 0);
  auto const rename_to = [&](std::string const& target) {
    return outcome(::rename(image("a").c_str(), target.c_str()));
  };
  EXPECT_EQ(rename_to(at("raw/2M/a.img")), "EXDEV");
  EXPECT_EQ(rename_to(at("ext4/16M/a.img")), "EXDEV");
  EXPECT_EQ(rename_to(mount().beside("a.img")), "EXDEV");
  EXPECT_EQ(rename_to(at("raw/1M/.hidden.img")), "ENOENT");
  EXPECT_EQ(rename_to(at("raw/1M/no-suffix")), "ENOENT");
  EXPECT_EQ(rename_to(at("raw/1M/" + std::string(201, 'x') + ".img")), "ENOENT");
  EXPECT_EQ(outcome(::rename(image("never").c_str(), image("b").c_str())), "ENOENT");
  EXPECT_EQ(rename_to(image("a")), "ok") << "onto itself";
  EXPECT_EQ(read_at(open_file(image("a")).get(), 5, 0), "stays");
  EXPECT_FALSE(is_listed("b"));
}

TEST_P(ImageLife, NothingElseCanBeMadeOrRemoved) {
  ASSERT_EQ(open_outcome(image("a"), O_RDWR), "ok");
  for (std::string const& where : {at("new"), at("raw/new"), at("raw/1M/new"), at("raw/1M/.new")}) {
    EXPECT_EQ(outcome(::mkdir(where.c_str(), 0755)), "EPERM") << where;
    EXPECT_EQ(outcome(::mknod(where.c_str(), S_IFREG | 0600, 0)), "EPERM") << where;
    EXPECT_EQ(outcome(::mkfifo(where.c_str(), 0600)), "EPERM") << where;
    EXPECT_EQ(outcome(::symlink("target", where.c_str())), "EPERM") << where;
    EXPECT_EQ(outcome(::link(image("a").c_str(), where.c_str())), "EPERM") << where;
  }
  EXPECT_EQ(open_outcome(at("raw/new"), O_RDWR | O_CREAT, 0600), "EPERM");
  EXPECT_EQ(outcome(::rmdir(at("raw/1M").c_str())), "EPERM");
  EXPECT_EQ(outcome(::rmdir(at("raw").c_str())), "EPERM");
  EXPECT_EQ(outcome(::rename(at("raw/1M").c_str(), at("raw/2M").c_str())), "EPERM");
  EXPECT_EQ(outcome(::unlink(at("raw/1024M").c_str())), "EPERM");
  EXPECT_EQ(outcome(::unlink(image("never").c_str())), "ENOENT");
}

TEST_P(ImageLife, ExtendedAttributesAreAnsweredAndNeverListed) {
  ASSERT_EQ(open_outcome(image(), O_RDWR), "ok");
  char list[256];
  EXPECT_EQ(::listxattr(image().c_str(), list, sizeof list), 0);
  EXPECT_EQ(xattr_of(image(), "user.templatefs.fanout"), "reflink");
  EXPECT_EQ(xattr_of(image(), "user.templatefs.error"), "ENODATA");
  EXPECT_THAT(xattr_of(image(), "user.templatefs.passthrough"), ::testing::AnyOf("yes", "no"));
  EXPECT_EQ(xattr_of(image(), "user.templatefs.unknown"), "ENODATA");
  EXPECT_EQ(xattr_of(image(), "user.other"), "ENODATA");
  EXPECT_EQ(xattr_of(image(), "security.capability"), "EOPNOTSUPP");
  char small[3];
  EXPECT_EQ(outcome(::getxattr(image().c_str(), "user.templatefs.fanout", small, sizeof small)), "ERANGE");
  EXPECT_EQ(::getxattr(image().c_str(), "user.templatefs.fanout", nullptr, 0), 7);
  EXPECT_EQ(outcome(::setxattr(image().c_str(), "user.other", "1", 1, 0)), "EOPNOTSUPP");
  EXPECT_EQ(outcome(::setxattr(image().c_str(), "user.templatefs.fanout", "copy", 4, 0)), "EOPNOTSUPP");
  EXPECT_EQ(outcome(::removexattr(image().c_str(), "user.templatefs.fanout")), "EOPNOTSUPP");
}

INSTANTIATE_ON_ALL_STORES(ImageLife);

}  // namespace

}  // namespace templatefs::test

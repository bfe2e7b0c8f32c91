// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"

#include <cerrno>

#include <gmock/gmock.h>

#include <unistd.h>

namespace templatefs::test {

namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

class ImageNames : public SharedMount {
 protected:
  std::string stat_outcome(std::string const& name) const {
    struct stat st {};
    return outcome(::lstat(at(name).c_str(), &st));
  }
};

TEST_F(ImageNames, AnyIdOfTheGrammarIsAFileOfTheWholeCapacity) {
  for (std::string const& id : {std::string("a"), std::string(200, 'x'), std::string("09AZaz._+@=:,#%~-"),
                                std::string("a.img"), std::string("x.."), std::string("%2e%2e%2fetc")}) {
    auto const st = stat_of(at("ext4/16M/" + id + ".img"));
    EXPECT_TRUE(S_ISREG(st.st_mode)) << id;
    EXPECT_EQ(st.st_size, 16 << 20) << id;
    EXPECT_EQ(st.st_blocks, 0) << id;
  }
}

TEST_F(ImageNames, WhatTheGrammarRefusesDoesNotExistAndCannotBeMade) {
  std::vector<std::string> ids{std::string(201, 'x'), std::string(251, 'x'), std::string(252, 'x')};
  for (char const* const id :
       {".hidden", "-dash", "",   " ",   "a b",  "a\tb", "a\nb", "\x01", "a\x7f", "\xff", "\xc3\xa4", "a\"b",
        "a'b",     "a*",    "a?", "[a]", "a\\b", "a|b",  "a;b",  "$(a)", "a&b",   "a<b",  "a!b"})
    ids.emplace_back(id);
  for (auto const& id : ids) {
    EXPECT_EQ(stat_outcome("ext4/16M/" + id + ".img"), "ENOENT") << id;
    EXPECT_EQ(open_outcome(at("ext4/16M/" + id + ".img"), O_RDWR | O_CREAT, 0600), "ENOENT") << id;
  }
  for (char const* const name : {"a", "img", "a.IMG", "a.img~", "a.img.", "a.qcow2", "a.raw", ".img"}) {
    EXPECT_EQ(stat_outcome(std::string("ext4/16M/") + name), "ENOENT") << name;
    EXPECT_EQ(open_outcome(at(std::string("ext4/16M/") + name), O_RDWR | O_CREAT, 0600), "ENOENT") << name;
  }
}

TEST_F(ImageNames, NamesDoNotLeadOutOfTheirDirectory) {
  EXPECT_EQ(stat_outcome("ext4/16M/../a.img"), "ENOENT");
  EXPECT_EQ(stat_outcome("ext4/16M/../../a.img"), "ENOENT");
  EXPECT_EQ(stat_outcome("ext4/a.img"), "ENOENT");
  EXPECT_EQ(stat_outcome("a.img"), "ENOENT");
  EXPECT_EQ(stat_outcome("ext4/16M/a/b.img"), "ENOENT");
  EXPECT_EQ(open_outcome(at("ext4/../../a.img"), O_RDWR), "ENOENT");
  // Encoded, it is a name like any other.
  EXPECT_EQ(open_outcome(at("raw/1M/%2e%2e%2fout.img"), O_RDWR), "ok");
  EXPECT_THAT(names_in(at("raw/1M")), ::testing::Contains("%2e%2e%2fout.img"));
  EXPECT_EQ(outcome(::unlink(at("raw/1M/%2e%2e%2fout.img").c_str())), "ok");
}

TEST_F(ImageNames, OnlyKnownRecipesExist) {
  for (char const* const name : {"ext5", "EXT4", "ext4 ", "btrfs-6.12", "fat", ".git", "lost+found"})
    EXPECT_EQ(stat_outcome(name), "ENOENT") << name;
  for (auto const& name : recipe_names()) EXPECT_EQ(stat_outcome(name), "ok") << name;
}

TEST_F(ImageNames, ACapacityIsADirectoryUnderItsCanonicalSpelling) {
  for (char const* const name : {"1M", "16M", "1023M", "1025M", "1G", "1023G", "1T", "64T"})
    EXPECT_TRUE(S_ISDIR(stat_of(at(std::string("raw/") + name)).st_mode)) << name;
}

TEST_F(ImageNames, AnotherSpellingIsALinkToTheCanonicalOne) {
  for (auto const& [name, canonical] :
       {std::pair("1024M", "1G"), {"1048576M", "1T"}, {"2048G", "2T"}, {"65536G", "64T"}})
    EXPECT_EQ(link_of(at(std::string("raw/") + name)), canonical) << name;
  auto const opened = open_file(at("raw/1024M/link.img"));
  write_at(opened.get(), "one image", 0);
  EXPECT_EQ(read_at(open_file(at("raw/1G/link.img")).get(), 9, 0), "one image");
  EXPECT_THAT(names_in(at("raw/1G")), ElementsAre("link.img"));
  EXPECT_EQ(outcome(::unlink(at("raw/1024M/link.img").c_str())), "ok");
  EXPECT_THAT(names_in(at("raw/1G")), IsEmpty());
}

TEST_F(ImageNames, WhatIsNoCapacityDoesNotExist) {
  for (char const* const name : {"0M",
                                 "00M",
                                 "01M",
                                 "+1M",
                                 "-1M",
                                 "1.5G",
                                 "1",
                                 "M",
                                 "1m",
                                 "1g",
                                 "1K",
                                 "1P",
                                 "1MiB",
                                 "1MB",
                                 "1 M",
                                 " 1M",
                                 "1M ",
                                 "0x1M",
                                 "1e3M",
                                 "65T",
                                 "65537G",
                                 "67108865M",
                                 "8796093022207M",
                                 "8796093022208M",
                                 "9223372036854775807M",
                                 "9000000000000000000M",
                                 "9000000000000000000T",
                                 "18446744073709551617M"}) {
    EXPECT_EQ(stat_outcome(std::string("raw/") + name), "ENOENT") << name;
    EXPECT_EQ(open_outcome(at(std::string("raw/") + name + "/a.img"), O_RDWR | O_CREAT, 0600), "ENOENT")
        << name;
  }
}

TEST_F(ImageNames, NothingAboveTheLargestCapacityExists) {
  MountedStore const small(kOnXfs, {"--max-capacity", "1G"});
  struct stat st {};
  for (char const* const name : {"1M", "1023M", "1G", "1024M"})
    EXPECT_EQ(outcome(::lstat((small / ("raw/" + std::string(name))).c_str(), &st)), "ok") << name;
  for (char const* const name : {"1025M", "2G", "2048M", "1T"})
    EXPECT_EQ(outcome(::lstat((small / ("raw/" + std::string(name))).c_str(), &st)), "ENOENT") << name;
}

TEST_F(ImageNames, RefusedNamesCostNothingThatStays) {
  EXPECT_EQ(stat_outcome("raw/1M"), "ok");
  EXPECT_EQ(stat_outcome(".templatefs/cache"), "ok");
  auto const nodes = [&] { return status_of(mount().mount_point())["nodes"].get<int>(); };
  int const before = nodes();
  for (int each = 0; each < 10'000; ++each) {
    std::string const number = std::to_string(each);
    struct stat st {};
    auto const refused = [&](std::string const& name) {
      return ::lstat(at(name).c_str(), &st) != 0 && errno == ENOENT;
    };
    ASSERT_TRUE(refused("raw/1M/." + number + ".img"));
    ASSERT_TRUE(refused("raw/0" + number + "M"));
    ASSERT_TRUE(refused("no-recipe-" + number));
    ASSERT_TRUE(refused(".templatefs/no-file-" + number));
    ASSERT_TRUE(refused(".templatefs/cache/no-key-" + number));
    ASSERT_TRUE(refused(".templatefs/cache/raw-1m-" + std::to_string(1'000'000'000'000'000 + each)));
  }
  EXPECT_EQ(nodes(), before);
}

TEST_F(ImageNames, TheControlDirectoryIsHiddenAndResolvable) {
  EXPECT_THAT(names_in(at(".")), ElementsAreArray(recipe_names()));
  EXPECT_TRUE(S_ISDIR(stat_of(at(".templatefs")).st_mode));
  EXPECT_THAT(names_in(at(".templatefs")), ElementsAre("cache", "errors", "metrics", "status.json", "why"));
  EXPECT_EQ(status_of(mount().mount_point())["schema"], "templatefs.status/1");
  for (char const* const name : {"status.json", "metrics", "errors", "why/raw/1M/a.img"}) {
    EXPECT_EQ(open_outcome(at(std::string(".templatefs/") + name), O_RDONLY), "ok") << name;
    EXPECT_EQ(open_outcome(at(std::string(".templatefs/") + name), O_RDWR), "EACCES") << name;
  }
  EXPECT_EQ(open_outcome_as(1234, at(".templatefs/status.json"), O_RDONLY), "ok");
  EXPECT_EQ(open_outcome_as(1234, at(".templatefs/status.json"), O_WRONLY), "EACCES");
  EXPECT_EQ(outcome(::unlink(at(".templatefs/errors").c_str())), "EPERM");
}

}  // namespace

}  // namespace templatefs::test

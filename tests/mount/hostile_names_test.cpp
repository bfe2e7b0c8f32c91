// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"

#include <algorithm>
#include <filesystem>
#include <random>
#include <set>

#include <gmock/gmock.h>

#include <dirent.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace templatefs::test {

namespace {

using ::testing::Each;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::StartsWith;

/// What a name may be answered with; anything else (EIO, EFAULT, ENOSYS, EBADF, ESTALE ...) is a fault of
/// ours.
std::set<std::string> const& sane_outcomes() {
  static std::set<std::string> const all{"ok",           "ENOENT",     "EPERM",  "EACCES", "EEXIST",
                                         "ENOTDIR",      "EISDIR",     "EINVAL", "EXDEV",  "ENODATA",
                                         "ENAMETOOLONG", "EOPNOTSUPP", "ELOOP",  "EBUSY",  "ENOTEMPTY"};
  return all;
}

using Operation = std::pair<char const*, long (*)(char const* path, char const* other)>;

std::vector<Operation> const& operations() {
  static std::vector<Operation> const all{
      {"lstat",
       [](char const* path, char const*) -> long {
         struct stat st {};
         return ::lstat(path, &st);
       }},
      {"statvfs",
       [](char const* path, char const*) -> long {
         struct statvfs st {};
         return ::statvfs(path, &st);
       }},
      {"access", [](char const* path, char const*) -> long { return ::access(path, R_OK | W_OK); }},
      {"readlink",
       [](char const* path, char const*) -> long {
         char text[64];
         return ::readlink(path, text, sizeof text);
       }},
      {"getxattr",
       [](char const* path, char const*) -> long {
         char text[64];
         return ::lgetxattr(path, "user.x", text, sizeof text);
       }},
      {"setxattr",
       [](char const* path, char const*) -> long { return ::lsetxattr(path, "user.x", "1", 1, 0); }},
      {"mkdir", [](char const* path, char const*) -> long { return ::mkdir(path, 0755); }},
      {"mknod", [](char const* path, char const*) -> long { return ::mknod(path, S_IFREG | 0644, 0); }},
      {"mkfifo", [](char const* path, char const*) -> long { return ::mkfifo(path, 0644); }},
      {"symlink", [](char const* path, char const*) -> long { return ::symlink("/etc/passwd", path); }},
      {"link", [](char const* path, char const* other) -> long { return ::link(other, path); }},
      {"link from", [](char const* path, char const* other) -> long { return ::link(path, other); }},
      {"rename to", [](char const* path, char const* other) -> long { return ::rename(other, path); }},
      {"rename from", [](char const* path, char const* other) -> long { return ::rename(path, other); }},
      {"chmod", [](char const* path, char const*) -> long { return ::chmod(path, 0600); }},
      {"truncate", [](char const* path, char const*) -> long { return ::truncate(path, 1 << 20); }},
      {"open",
       [](char const* path, char const*) -> long {
         int const fd = ::open(path, O_RDONLY | O_CLOEXEC);
         return fd < 0 ? -1 : ::close(fd);
       }},
      {"create",
       [](char const* path, char const*) -> long {
         int const fd = ::open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
         return fd < 0 ? -1 : ::close(fd);
       }},
      {"opendir",
       [](char const* path, char const*) -> long {
         DIR* const dir = ::opendir(path);
         return dir == nullptr ? -1 : ::closedir(dir);
       }},
      {"unlink", [](char const* path, char const*) -> long { return ::unlink(path); }},
      {"rmdir", [](char const* path, char const*) -> long { return ::rmdir(path); }},
  };
  return all;
}

/// Bytes a client may put between two slashes: random ones, and those that parsers trip over.
std::vector<std::string> names(unsigned count) {
  std::vector<std::string> all{std::string(200, 'a'),  std::string(255, 'a'),  std::string(256, 'a'),
                               std::string(1024, 'a'), std::string(1025, 'a'), std::string(255, '\xff')};
  for (char const* const name : {"...",
                                 "a..",
                                 ".img",
                                 "..img",
                                 "~",
                                 "%00",
                                 "%",
                                 "#",
                                 "-",
                                 "--",
                                 "-rf",
                                 "a.img.img",
                                 "\n",
                                 "\r\n",
                                 "*",
                                 "?",
                                 "{}",
                                 "$(id)",
                                 "`id`",
                                 "%s%s%n",
                                 "\xef\xbb\xbf",
                                 "\xc0\xae\xc0\xae",
                                 "\xed\xa0\x80",
                                 "\xe2\x80\xae",
                                 "1M",
                                 "0M",
                                 "99999999999999999999M",
                                 ".templatefs",
                                 "why",
                                 "cache",
                                 "errors",
                                 "raw"})
    all.emplace_back(name);
  std::mt19937 random(20'260'110);
  while (all.size() < count) {
    std::string name;
    bool const printable = random() % 2 == 0;
    for (auto length = 1 + random() % 40; length > 0; --length)
      name += static_cast<char>(printable ? 33 + random() % 94 : 1 + random() % 255);
    std::replace(name.begin(), name.end(), '/', '_');
    all.push_back(name);
  }
  return all;
}

class HostileNames : public SharedMount {};

TEST_F(HostileNames, AreAnsweredSanelyAndMakeNothingOutside) {
  // What the operations may make: the raw template, and images of valid names.
  ASSERT_EQ(open_outcome(at("raw/1M/victim.img"), O_RDWR), "ok");
  std::string const around = std::filesystem::path(mount().mount_point()).parent_path().string();
  auto const outside = names_in(around);
  auto const of_store = names_in(mount().store());
  auto const beside_store = names_in(mount().beside("."));

  int calls = 0;
  for (auto const& name : names(300))
    for (std::string const& place :
         {name, "raw/" + name, "raw/" + name + "/a.img", "raw/1M/" + name, "raw/1M/" + name + ".img",
          ".templatefs/" + name, ".templatefs/why/" + name, ".templatefs/cache/" + name + "/" + name})
      for (auto const& [what, call] : operations()) {
        std::string const result = outcome(call(at(place).c_str(), at("raw/1M/victim.img").c_str()));
        EXPECT_TRUE(sane_outcomes().contains(result)) << what << " " << place << ": " << result;
        ++calls;
      }
  EXPECT_GT(calls, 40'000);

  EXPECT_EQ(names_in(around), outside);
  EXPECT_EQ(names_in(mount().store()), of_store);
  EXPECT_EQ(names_in(mount().beside(".")), beside_store);
  // A random name may be a capacity by chance, and then has its template like any other.
  for (char const* const directory : {"templates", "locks"})
    EXPECT_THAT(names_in_store(mount(), directory), Each(StartsWith("raw-"))) << directory;
  EXPECT_THAT(names_in_store(mount(), "failures"), IsEmpty());
  EXPECT_THAT(names_in(at(".")), ElementsAreArray(recipe_names()));
  for (auto const& name : names_in(at("raw/1M")))
    EXPECT_TRUE(name.ends_with(".img") && name.size() <= 204 && name.front() != '.' && name.front() != '-')
        << name;
  EXPECT_EQ(open_outcome(at("raw/1M/victim.img"), O_RDWR), "ok");
}

}  // namespace

}  // namespace templatefs::test

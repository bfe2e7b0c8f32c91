// SPDX-License-Identifier: Apache-2.0
#include "vm/seed_directory.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <vector>

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

/// Bytes of a file that are no holes. Only a file that seems to have some is opened.
std::int64_t data_bytes(int dir, std::string const& name, struct stat const& st) {
  if (st.st_blocks * 512 >= st.st_size) return st.st_size;
  std::int64_t bytes = 0;
  Fd const fd = open_at(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  for_each_data_range(fd.get(), st.st_size, [&](std::int64_t, std::int64_t length) { bytes += length; });
  return bytes;
}

class Walk {
 public:
  /// `dir` is the directory whose entries are added, `shown` its path inside the seed, with a slash.
  void enter(int dir, std::string const& shown) {
    std::vector<std::string> names;
    for_each_entry(dir, ".", [&](std::string const& name) { names.push_back(name); });
    std::sort(names.begin(), names.end());
    for (auto const& name : names) {
      struct stat st {};
      check(::fstatat(dir, name.c_str(), &st, AT_SYMLINK_NOFOLLOW), "read the seed's", shown + name);
      if (S_ISSOCK(st.st_mode)) continue;
      add(dir, name, shown + name, st);
      if (S_ISDIR(st.st_mode))
        enter(open_at(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).get(), shown + name + "/");
    }
  }

  void add(int dir, std::string const& name, std::string const& shown, struct stat const& st) {
    field(shown);
    for (std::int64_t const number :
         {std::int64_t{st.st_mode}, std::int64_t{st.st_uid}, std::int64_t{st.st_gid},
          S_ISDIR(st.st_mode) ? 0 : std::int64_t{st.st_size}, std::int64_t{st.st_mtim.tv_sec},
          std::int64_t{st.st_mtim.tv_nsec}, std::int64_t{st.st_ctim.tv_sec}, std::int64_t{st.st_ctim.tv_nsec},
          static_cast<std::int64_t>(st.st_ino), static_cast<std::int64_t>(st.st_rdev)})
      field(std::to_string(number));
    if (S_ISLNK(st.st_mode)) add_target(dir, name, shown);
    add_attributes(dir, name, shown);
    ++size_.entries;
    // The other names of a file are entries of their own and no more data.
    bool const seen = st.st_nlink > 1 && !files_.emplace(st.st_dev, st.st_ino).second;
    if (S_ISREG(st.st_mode) && !seen) size_.data += data_bytes(dir, name, st);
  }

  DirectorySeed finish() { return {size_, sum_.finish()}; }

 private:
  /// With its length, so that no two sequences of fields are one text.
  void field(std::string_view text) { sum_.update(std::to_string(text.size())).update(":").update(text); }

  void add_target(int dir, std::string const& name, std::string const& shown) {
    auto const got =
        check(::readlinkat(dir, name.c_str(), value_.data(), value_.size()), "read the seed's link", shown);
    field({value_.data(), static_cast<std::size_t>(got)});
  }

  void add_attributes(int dir, std::string const& name, std::string const& shown) {
    // By a path through the directory's descriptor: a symlink or a fifo cannot be opened to be asked.
    std::string const path = "/proc/self/fd/" + std::to_string(dir) + "/" + name;
    auto const size = ::llistxattr(path.c_str(), names_.data(), names_.size());
    if (size < 0 && errno != EOPNOTSUPP) throw_errno("list the attributes of the seed's", shown);
    std::set<std::string> attributes;
    for (char const* at = names_.data(); at < names_.data() + size; at += std::strlen(at) + 1)
      attributes.insert(at);
    for (auto const& attribute : attributes) {
      auto const got = ::lgetxattr(path.c_str(), attribute.c_str(), value_.data(), value_.size());
      check(got, "read the attribute " + attribute + " of the seed's", shown);
      field(attribute);
      field({value_.data(), static_cast<std::size_t>(got)});
    }
    field({});
  }

  Sha256 sum_;
  SeedSize size_;
  std::set<std::pair<dev_t, ino_t>> files_;
  std::vector<char> names_ = std::vector<char>(XATTR_LIST_MAX), value_ = std::vector<char>(XATTR_SIZE_MAX);
};

}  // namespace

DirectorySeed walk_directory_seed(std::string const& path) {
  Fd const root = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  struct stat st {};
  check(::fstat(root.get(), &st), "read the seed", path);
  Walk walk;
  walk.add(root.get(), ".", "", st);
  walk.enter(root.get(), "");
  return walk.finish();
}

}  // namespace templatefs::vm

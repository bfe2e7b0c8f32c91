// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/seed_fixture.h"

#include "base/digest.h"
#include "base/files.h"
#include "base/log.h"

#include <algorithm>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

void own(std::string const& path, unsigned uid, unsigned gid, unsigned mode) {
  check(::lchown(path.c_str(), uid, gid), "chown", path);
  check(::chmod(path.c_str(), mode), "chmod", path);
}

void set_attribute(std::string const& path, char const* name, std::string_view value) {
  check(::lsetxattr(path.c_str(), name, value.data(), value.size(), 0), "setxattr", path);
}

void set_time(std::string const& path, long seconds, long nanoseconds) {
  timespec const times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
  check(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), "set the time of", path);
}

void make_sparse(std::string const& path) {
  Fd const fd = open_at(AT_FDCWD, path, O_RDWR | O_CREAT, 0600);
  check(::ftruncate(fd.get(), 64 << 20), "resize", path);
  for (off_t const at : {off_t{0}, off_t{10 << 20}, off_t{40 << 20}})
    check(::pwrite(fd.get(), "island", 6, at), "write", path);
}

std::string attributes_of(std::string const& path) {
  std::vector<char> names(1 << 16), value(1 << 16);
  auto const size = check(::llistxattr(path.c_str(), names.data(), names.size()), "list attributes", path);
  std::set<std::string> sorted;
  for (char const* at = names.data(); at < names.data() + size; at += std::string_view(at).size() + 1)
    sorted.insert(at);
  std::string out;
  for (auto const& name : sorted) {
    // XFS shows its ACLs twice.
    if (name.starts_with("trusted.SGI_ACL_")) continue;
    auto const got = check(::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size()), "get", path);
    out += " " + name + "=" + sha256({value.data(), static_cast<std::size_t>(got)}).substr(0, 8);
  }
  return out;
}

/// Digest of the contents, and roughly where data is.
std::string contents_of(std::string const& path, std::int64_t size) {
  Fd const fd = open_at(AT_FDCWD, path, O_RDONLY);
  std::string islands;
  if (size >= (1 << 20))
    for_each_data_range(fd.get(), size, [&](std::int64_t offset, std::int64_t) {
      islands += " " + std::to_string(offset >> 20);
    });
  return " " + sha256(read_file(AT_FDCWD, path, 256 << 20)).substr(0, 8) +
         (islands.empty() ? "" : " data at" + islands);
}

using Inodes = std::map<ino_t, std::string>;

std::string describe(std::string const& path, std::string const& shown, Inodes& inodes) {
  struct stat st {};
  check(::lstat(path.c_str(), &st), "stat", path);
  auto out =
      format("{:o} {}:{} {}.{:09}", st.st_mode, st.st_uid, st.st_gid, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
  if (S_ISREG(st.st_mode)) out += " " + std::to_string(st.st_size) + contents_of(path, st.st_size);
  if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
    out += format(" {}:{}", major(st.st_rdev), minor(st.st_rdev));
  if (S_ISLNK(st.st_mode)) {
    std::string target(4096, '\0');
    target.resize(
        static_cast<std::size_t>(check(::readlink(path.c_str(), target.data(), 4096), "readlink", path)));
    out += " -> " + target;
  }
  if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) out += " = " + inodes.emplace(st.st_ino, shown).first->second;
  return out + attributes_of(path);
}

void describe_below(std::string const& directory, std::string const& prefix, Inodes& inodes,
                    std::map<std::string, std::string>& out) {
  std::set<std::string> names;
  for_each_entry(AT_FDCWD, directory, [&](std::string const& name) { names.insert(name); });
  for (auto const& name : names) {
    std::string const path = directory + "/" + name;
    out[prefix + name] = describe(path, prefix + name, inodes);
    struct stat st {};
    if (::lstat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode))
      describe_below(path, prefix + name + "/", inodes, out);
  }
}

}  // namespace

void run(std::vector<std::string> const& argv) {
  ASSERT_TRUE(succeeds(argv));
}

void make_every_kind(std::string const& directory) {
  std::string const d = directory + "/";
  write_file(d + "plain", "hello");
  own(d + "plain", 1000, 1001, 0640);
  write_file(d + "setuid", "#!");
  own(d + "setuid", 33, 44, 06755);
  write_file(d + "empty", "");
  write_file(d + "deep/er/file", std::string(300'000, 'x'));
  own(d + "deep", 7, 8, 02775);
  own(d + "deep/er", 4000000000, 4000000001, 01777);
  write_file(d + "read-only/inside", "kept");
  own(d + "read-only", 5, 5, 0500);
  check(::link((d + "plain").c_str(), (d + "deep/er/hard").c_str()), "link", d);
  check(::link((d + "plain").c_str(), (d + "zhard").c_str()), "link", d);
  check(::symlink("plain", (d + "link").c_str()), "symlink", d);
  check(::symlink("/absolute/target", (d + "absolute").c_str()), "symlink", d);
  check(::symlink("../../outside", (d + "deep/up").c_str()), "symlink", d);
  check(::symlink(std::string(900, 't').c_str(), (d + "long-link").c_str()), "symlink", d);
  check(::lchown((d + "link").c_str(), 12, 13), "chown", d);
  check(::mknod((d + "null").c_str(), S_IFCHR | 0666, makedev(1, 3)), "mknod", d);
  check(::mknod((d + "block").c_str(), S_IFBLK | 0660, makedev(259, 70000)), "mknod", d);
  check(::mkfifo((d + "fifo").c_str(), 0622), "mkfifo", d);
  make_sparse(d + "sparse");
  make_image(d + "hole", 5 << 20);
  write_file(d + std::string(255, 'n'), "long");
  write_file(d + std::string(200, 'd') + "/" + std::string(255, 'e') + "/" + std::string(254, 'f'), "longer");
  write_file(d + "\xc3\xa9t\xc3\xa9 \"quoted\" \\ new\nline", "spelled");
  write_file(d + "not utf-8 \xff\xfe", "bytes");
  set_attribute(d + "plain", "user.note", std::string_view("zero\0inside", 11));
  set_attribute(d + "plain", "trusted.note", "t");
  set_attribute(d + "deep", "user.on-a-directory", std::string(300, 'v'));
  set_attribute(d + "link", "trusted.on-a-link", "l");
  run({"setcap", "cap_net_raw,cap_sys_admin+ep", d + "empty"});
  run({"setfacl", "-m", "u:1:rwx,u:12345:r,g:daemon:w", d + "setuid"});
  run({"setfacl", "-m", "d:u:77:rwx,u:77:x", d + "deep"});
  // Directories last: what was made in them moved their times.
  long seconds = 1'000'000'000;
  for (auto const& [path, text] : describe_tree(directory)) set_time(d + path, seconds += 1000, 123456789);
  set_time(d + "fifo", -1000, 1);
  set_time(d + "plain", 1700000000, 999999999);
  own(directory, 21, 22, 0751);
  set_time(directory, 1234567890, 987654321);
}

std::map<std::string, std::string> describe_tree(std::string const& directory) {
  std::map<std::string, std::string> out;
  Inodes inodes;
  out["."] = describe(directory, ".", inodes);
  describe_below(directory, "", inodes, out);
  return out;
}

std::map<std::string, std::string> SeedTest::contents(std::string_view filesystem,
                                                      std::string const& subpath) {
  MountedImage const mounted(image_, std::string(find_filesystem(filesystem)->mount_type), scratch_ / "mnt",
                             MS_RDONLY);
  auto out = describe_tree(mounted.path() + subpath);
  out.erase("lost+found");
  return out;
}

SeedFileTest::SeedFileTest() {
  make_directories(AT_FDCWD, scratch_ / "seed", 0755);
}

std::string SeedFileTest::pack(std::vector<std::string> const& options) {
  std::vector<std::string> argv{"tar", "--create", "--file", scratch_ / "seed.tar", "-C", scratch_ / "seed"};
  argv.insert(argv.end(), options.begin(), options.end());
  argv.emplace_back(".");
  run(argv);
  return scratch_ / "seed.tar";
}

std::vector<std::vector<std::string>> const& SeedFileTest::compressors() {
  static std::vector<std::vector<std::string>> const all{
      {"gzip", ".gz"}, {"bzip2", ".bz2"}, {"xz", ".xz"}, {"zstd", ".zst"}};
  return all;
}

std::string SeedFileTest::compress(std::string const& tar, std::vector<std::string> const& how) {
  run({"/bin/sh", "-c", how[0] + " -c " + tar + " >" + tar + how[1]});
  return tar + how[1];
}

std::vector<std::string> SeedTest::files() const {
  std::vector<std::string> out;
  for_each_entry(AT_FDCWD, scratch_.path(), [&](std::string const& name) { out.push_back(name); });
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace templatefs::vm

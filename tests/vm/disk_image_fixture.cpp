// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/disk_image_fixture.h"

#include "base/fd.h"
#include "base/files.h"

#include <random>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

/// Does not compress.
std::string noise(std::size_t bytes) {
  std::mt19937_64 engine(17);
  std::string out;
  while (out.size() < bytes) {
    auto const word = engine();
    out.append(reinterpret_cast<char const*>(&word), sizeof word);
  }
  return out.substr(0, bytes);
}

}  // namespace

DiskImageTest::DiskImageTest() : raw_(scratch_ / "disk") {
  constexpr std::int64_t kBytes = (64 << 20) + 1536;
  Fd const fd = open_at(AT_FDCWD, make_image(raw_, kBytes), O_RDWR);
  write_all_at(fd.get(), "hello", 12345, raw_);
  write_all_at(fd.get(), noise((1 << 20) + 777), (5 << 20) + 511, raw_);
  write_all_at(fd.get(), std::string(1 << 20, '\0'), 20 << 20, raw_);
  write_all_at(fd.get(), "x", (33 << 20) - 1, raw_);
  write_all_at(fd.get(), noise(100'000), 50 << 20, raw_);
  write_all_at(fd.get(), "the end", kBytes - 7, raw_);
}

void DiskImageTest::TearDown() {
  // Whatever happened: no scratch file has a name.
  for_each_entry(AT_FDCWD, scratch_ / "scratch", [](std::string const& name) { ADD_FAILURE() << name; });
  VmTest::TearDown();
}

std::string DiskImageTest::padded() const {
  auto bytes = read_file(AT_FDCWD, raw_, 1 << 30);
  bytes.resize((bytes.size() + kDiskBlock - 1) / kDiskBlock * kDiskBlock);
  return bytes;
}

void DiskImageTest::sh(std::string const& script) {
  ASSERT_TRUE(succeeds({"/bin/sh", "-ec", "cd " + scratch_.path() + "\n" + script}));
}

std::string DiskImageTest::converted(std::string const& format, std::vector<std::string> const& options) {
  if (format == "raw") return raw_;
  std::string const file = raw_ + "." + format;
  std::vector<std::string> argv{"qemu-img", "convert", "-f", "raw", "-O", format};
  argv.insert(argv.end(), options.begin(), options.end());
  argv.insert(argv.end(), {raw_, file});
  EXPECT_TRUE(succeeds(argv));
  return file;
}

std::string DiskImageTest::tar_of(std::vector<std::string> const& names,
                                  std::vector<std::string> const& options) {
  std::vector<std::string> argv{"tar", "--create", "--file", scratch_ / "a.tar", "-C", scratch_.path()};
  argv.insert(argv.end(), options.begin(), options.end());
  argv.insert(argv.end(), names.begin(), names.end());
  EXPECT_TRUE(succeeds(argv));
  return scratch_ / "a.tar";
}

std::string DiskImageTest::packed(std::string const& file, std::string const& how) {
  if (how.empty()) return file;
  if (how.starts_with("tar"))
    return packed(tar_of({file.substr(file.rfind('/') + 1)}), how == "tar" ? "" : how.substr(4));
  static std::map<std::string, std::string> const kPrograms{
      {"gz", "gzip -1"}, {"xz", "xz -0"}, {"zst", "zstd -q"}, {"bz2", "bzip2 -1"}};
  sh(kPrograms.at(how) + " -c " + file + " >" + file + "." + how);
  return file + "." + how;
}

std::string DiskImageTest::cut(std::string const& file, std::int64_t bytes) {
  sh("head -c " + std::to_string(bytes) + " " + file + " >cut");
  return scratch_ / "cut";
}

std::string DiskImageTest::cut_by(std::string const& file, std::int64_t bytes) {
  struct stat st {};
  check(::stat(file.c_str(), &st), "stat", file);
  return cut(file, st.st_size - bytes);
}

DiskImage DiskImageTest::read(std::string const& file, std::int64_t limit) {
  ::unlink(target().c_str());
  make_directories(AT_FDCWD, scratch_ / "scratch", 0700);
  phases_.clear();
  Transfer const transfer{Deadline::after(std::chrono::seconds(60)), stop_.get_token(),
                          [&](std::string_view phase, std::int64_t done, std::int64_t total) {
                            EXPECT_LE(0, done);
                            EXPECT_LE(done, total);
                            if (phases_.empty() || phases_.back().first != phase)
                              phases_.emplace_back(phase, done);
                            EXPECT_LE(phases_.back().second, done);
                            phases_.back().second = done;
                          }};
  return read_disk_image(file, target(), scratch_ / "scratch", limit, transfer);
}

Error DiskImageTest::expect_refused(std::string const& file, std::string const& words, int err,
                                    std::int64_t limit) {
  auto const error = error_of([&] { read(file, limit); });
  EXPECT_EQ(error.err(), err) << error.sentence();
  EXPECT_THAT(error.sentence(), testing::HasSubstr(words));
  EXPECT_NE(::access(target().c_str(), F_OK), 0) << error.sentence();
  return error;
}

}  // namespace templatefs::vm

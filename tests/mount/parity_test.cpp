// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"

#include <cstring>
#include <memory>

#include <sys/mman.h>
#include <unistd.h>

// The same operations on an image and on a plain file on the store's filesystem: the same answers.
namespace templatefs::test {

namespace {

constexpr off_t kSize = 1 << 20;

struct Step {
  std::string what;
  std::function<std::string(int fd)> run;
};

std::string data_and_holes(int fd) {
  std::string map;
  for (off_t at = 0; at < kSize;) {
    off_t const data = ::lseek(fd, at, SEEK_DATA);
    if (data < 0) return map + "end:" + outcome(data);
    off_t const hole = ::lseek(fd, data, SEEK_HOLE);
    map += std::to_string(data) + "-" + std::to_string(hole) + " ";
    at = hole;
  }
  return map;
}

Step write_step(off_t offset, std::size_t length, char fill) {
  return {"write " + std::to_string(length) + " at " + std::to_string(offset), [=](int fd) {
            std::string const bytes(length, fill);
            auto const done = ::pwrite(fd, bytes.data(), length, offset);
            return outcome(done) + " " + std::to_string(done);
          }};
}

Step fallocate_step(char const* name, int mode, off_t offset, off_t length) {
  return {std::string("fallocate ") + name + " " + std::to_string(length) + " at " + std::to_string(offset),
          [=](int fd) { return outcome(::fallocate(fd, mode, offset, length)); }};
}

Step truncate_step(off_t size) {
  return {"truncate to " + std::to_string(size), [=](int fd) { return outcome(::ftruncate(fd, size)); }};
}

Step seek_step(char const* name, int whence, off_t offset) {
  return {std::string(name) + " " + std::to_string(offset), [=](int fd) {
            off_t const at = ::lseek(fd, offset, whence);
            return outcome(at) + " " + std::to_string(at);
          }};
}

std::vector<Step> const& steps() {
  constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  static std::vector<Step> const all{
      write_step(0, 65536, 'a'),
      write_step(200'000, 5000, 'b'),
      write_step(kSize - 10, 10, 'c'),
      fallocate_step("punch", kPunch, 4096, 8192),
      fallocate_step("punch unaligned", kPunch, 20'001, 777),
      fallocate_step("zero", FALLOC_FL_ZERO_RANGE, 30'000, 4096),
      fallocate_step("zero keeping the size", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, kSize - 4096,
                     16384),
      fallocate_step("allocate", 0, 400'000, 65536),
      fallocate_step("allocate keeping the size", FALLOC_FL_KEEP_SIZE, kSize, 65536),
      fallocate_step("allocate past the end", 0, kSize, 4096),
      fallocate_step("punch without keeping the size", FALLOC_FL_PUNCH_HOLE, 0, 4096),
      fallocate_step("negative", 0, -1, 10),
      fallocate_step("nothing", 0, 0, 0),
      seek_step("SEEK_DATA", SEEK_DATA, 0),
      seek_step("SEEK_HOLE", SEEK_HOLE, 0),
      seek_step("SEEK_DATA", SEEK_DATA, 100'000),
      seek_step("SEEK_DATA past the end", SEEK_DATA, 4 * kSize),
      seek_step("SEEK_HOLE past the end", SEEK_HOLE, 4 * kSize),
      seek_step("SEEK_END", SEEK_END, 0),
      seek_step("SEEK_SET negative", SEEK_SET, -1),
      truncate_step(500'000),
      truncate_step(kSize),
      write_step(kSize + 100'000, 100, 'd'),
      truncate_step(kSize),
      {"fsync", [](int fd) { return outcome(::fsync(fd)); }},
      {"append",
       [](int fd) {
         ::fcntl(fd, F_SETFL, O_APPEND);
         auto const result = outcome(::pwrite(fd, "end", 3, 0));
         ::fcntl(fd, F_SETFL, 0);
         return result;
       }},
      {"read past the end", [](int fd) {
         char bytes[16];
         return std::to_string(::pread(fd, bytes, sizeof bytes, 8 * kSize));
       }}};
  return all;
}

class Parity : public OnEachStore {
 protected:
  void SetUp() override {
    OnEachStore::SetUp();
    if (IsSkipped()) return;
    plain_path_ = mount().beside("plain-" + std::to_string(::getpid()));
    plain_ = open_file(plain_path_, O_RDWR | O_CREAT | O_TRUNC);
    ASSERT_EQ(outcome(::ftruncate(plain_.get(), kSize)), "ok");
    image_ = open_file(image());
  }
  void TearDown() override {
    plain_.reset();
    image_.reset();
    if (!plain_path_.empty()) ::unlink(plain_path_.c_str());
    ::unlink(image().c_str());
    OnEachStore::TearDown();
  }
  int on_image() const { return image_.get(); }
  int on_plain() const { return plain_.get(); }
  std::string const& plain_path() const { return plain_path_; }

 private:
  std::string plain_path_;
  Fd plain_;
  Fd image_;
};

void expect_same_answers(int image, int plain) {
  for (auto const& step : steps()) {
    EXPECT_EQ(step.run(image), step.run(plain)) << step.what;
    auto const image_stat = stat_of(image);
    auto const plain_stat = stat_of(plain);
    ASSERT_EQ(image_stat.st_size, plain_stat.st_size) << "after " << step.what;
    auto const size = static_cast<std::size_t>(plain_stat.st_size);
    ASSERT_EQ(sha256(read_at(image, size, 0)), sha256(read_at(plain, size, 0))) << "after " << step.what;
    // Delayed allocation shows extents only once they are written out.
    ::fsync(image);
    ::fsync(plain);
    EXPECT_EQ(data_and_holes(image), data_and_holes(plain)) << "after " << step.what;
  }
}

TEST_P(Parity, WritesHolesSizesAndSeeks) {
  expect_same_answers(on_image(), on_plain());
}

TEST_P(Parity, OfADiskInASet) {
  std::string const set = at("raw/1M/parity.d");
  expect_same_answers(open_file(set + "/POOL3.img").get(), on_plain());
  EXPECT_EQ(outcome(::rmdir(set.c_str())), "ok");
}

TEST_P(Parity, PunchingAHoleGivesTheSpaceBack) {
  write_at(on_image(), std::string(kSize, 'x'), 0);
  ASSERT_EQ(outcome(::fsync(on_image())), "ok");
  auto const full = stat_of(image()).st_blocks;
  ASSERT_EQ(outcome(::fallocate(on_image(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kSize)), "ok");
  ASSERT_EQ(outcome(::fsync(on_image())), "ok");
  EXPECT_GE(full * 512, kSize);
  EXPECT_EQ(stat_of(on_image()).st_blocks, 0);
  EXPECT_EQ(read_at(on_image(), kSize, 0), std::string(kSize, '\0'));
}

TEST_P(Parity, DirectReadsAndWrites) {
  constexpr std::size_t kBuffer = 65536;
  std::unique_ptr<char, decltype(&std::free)> const buffer(
      static_cast<char*>(std::aligned_alloc(4096, kBuffer)), std::free);
  auto const direct_image = open_file(image(), O_RDWR | O_DIRECT);
  auto const direct_plain = open_file(plain_path(), O_RDWR | O_DIRECT);
  for (auto const& [offset, length] : {std::pair<off_t, std::size_t>{0, 512},
                                       {512, 512},
                                       {1024, 1536},
                                       {4096, 4096},
                                       {65536, 65536},
                                       {kSize - 4096, 4096}}) {
    SCOPED_TRACE(std::to_string(length) + " at " + std::to_string(offset));
    std::memset(buffer.get(), 'a' + static_cast<int>(offset / 512 % 26), kBuffer);
    auto const on_both = [&](auto const& call) {
      std::string const result = call(direct_plain.get());
      EXPECT_EQ(call(direct_image.get()), result);
      return result;
    };
    on_both([&](int fd) { return outcome(::pwrite(fd, buffer.get(), length, offset)); });
    on_both([&](int fd) {
      std::memset(buffer.get(), 0, kBuffer);
      auto const got = ::pread(fd, buffer.get(), length, offset);
      return outcome(got) + sha256({buffer.get(), length});
    });
  }
  // What was written around the page cache is seen through it, and the other way round.
  std::memset(buffer.get(), 'D', kBuffer);
  EXPECT_EQ(read_at(on_image(), 4, 131072), std::string(4, '\0'));
  ASSERT_EQ(::pwrite(direct_image.get(), buffer.get(), 4096, 131072), 4096);
  EXPECT_EQ(read_at(on_image(), 4, 131072), "DDDD");
  write_at(on_image(), std::string(4096, 'B'), 131072);
  ASSERT_EQ(::pread(direct_image.get(), buffer.get(), 4096, 131072), 4096);
  EXPECT_EQ(std::string(buffer.get(), 4), "BBBB");
}

TEST_P(Parity, MappingsAndWritesShareOneCache) {
  auto* const map =
      static_cast<char*>(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, on_image(), 0));
  ASSERT_NE(map, MAP_FAILED);
  write_at(on_image(), "by write", 100);
  EXPECT_EQ(std::string(map + 100, 8), "by write");
  std::memcpy(map + 8000, "by store", 8);
  EXPECT_EQ(read_at(on_image(), 8, 8000), "by store");
  ASSERT_EQ(outcome(::msync(map, kSize, MS_SYNC)), "ok");
  auto* const copy =
      static_cast<char*>(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE, on_image(), 0));
  ASSERT_NE(copy, MAP_FAILED);
  std::memcpy(copy, "private", 7);
  EXPECT_EQ(read_at(on_image(), 7, 0), std::string(7, '\0'));
  EXPECT_EQ(outcome(::munmap(map, kSize)), "ok");
  EXPECT_EQ(outcome(::munmap(copy, kSize)), "ok");
  EXPECT_EQ(read_at(open_file(image(), O_RDONLY).get(), 8, 8000), "by store");
}

INSTANTIATE_ON_ALL_STORES(Parity);

}  // namespace

}  // namespace templatefs::test

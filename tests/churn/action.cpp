// SPDX-License-Identifier: Apache-2.0
#include "tests/churn/action.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/log.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace templatefs::test {

namespace {

struct Freed {
  void operator()(void* memory) const { std::free(memory); }
};

/// As O_DIRECT wants it.
std::unique_ptr<void, Freed> aligned(std::string const& bytes) {
  std::unique_ptr<void, Freed> memory(std::aligned_alloc(kBlock, bytes.size()));
  std::memcpy(memory.get(), bytes.data(), bytes.size());
  return memory;
}

void write_mapped(int fd, off_t offset, std::string const& bytes, std::string const& path) {
  void* const at = ::mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
  if (at == MAP_FAILED) throw_errno("map", path);
  std::memcpy(at, bytes.data(), bytes.size());
  int const result = ::msync(at, bytes.size(), MS_SYNC);
  int const err = errno;
  ::munmap(at, bytes.size());
  if (result != 0) throw Error(err, "sync " + path);
}

void set(std::string const& path, std::string const& name, std::string const& value) {
  check(::setxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0), "set " + name + " of", path);
}

void change(Action const& action, std::string const& path) {
  auto const offset = static_cast<off_t>(action.block) * kBlock;
  auto const bytes = block_of(action.stamp);
  bool const direct = action.act == Act::write_past_cache;
  Fd const image = open_at(AT_FDCWD, path, O_RDWR | (direct ? O_DIRECT : 0));
  if (action.act == Act::write_mapped) {
    write_mapped(image.get(), offset, bytes, path);
  } else if (action.act == Act::punch) {
    check(::fallocate(image.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, kBlock), "punch",
          path);
  } else {
    auto const memory = aligned(bytes);
    auto const written = check(::pwrite(image.get(), memory.get(), bytes.size(), offset), "write", path);
    if (static_cast<std::size_t>(written) != bytes.size()) throw Error(ENOSPC, "write " + path);
  }
}

void act(Action const& action, std::string const& path, std::string const& renamed) {
  switch (action.act) {
    case Act::make:
      (void)open_at(AT_FDCWD, path, O_RDWR);
      break;
    case Act::write:
    case Act::write_past_cache:
    case Act::write_mapped:
    case Act::punch:
      change(action, path);
      break;
    case Act::read:
      (void)block_sums(open_at(AT_FDCWD, path, O_RDONLY).get());
      break;
    case Act::rename:
      check(::rename(path.c_str(), renamed.c_str()), "rename", path);
      break;
    case Act::unlink:
      check(::unlink(path.c_str()), "unlink", path);
      break;
    case Act::pin:
      set(path, "user.templatefs.keep", "churn");
      break;
    case Act::unpin:
      check(::removexattr(path.c_str(), "user.templatefs.keep"), "unpin", path);
      break;
    case Act::snapshot:
      set(path, "user.templatefs.snapshot", action.other);
      break;
    case Act::revert:
      set(path, "user.templatefs.revert", action.other);
      break;
  }
}

}  // namespace

std::string_view name_of(Act act) {
  constexpr std::string_view kNames[] = {"make",  "write", "write_past_cache", "write_mapped",
                                         "punch", "read",  "rename",           "unlink",
                                         "pin",   "unpin", "snapshot",         "revert"};
  return kNames[static_cast<std::size_t>(act)];
}

std::string to_text(Action const& action) {
  return format("{} {}:{}{}{}", name_of(action.act), action.mount, action.image,
                action.stamp != 0 ? format(" block {} stamp {}", action.block, action.stamp) : "",
                action.other.empty() ? "" : " " + action.other);
}

int perform(Action const& action, std::string const& path, std::string const& renamed) {
  try {
    act(action, path, renamed);
    return 0;
  } catch (Error const& error) {
    return error.err();
  }
}

}  // namespace templatefs::test

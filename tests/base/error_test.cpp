// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <cerrno>
#include <functional>
#include <future>
#include <new>
#include <stdexcept>

#include <gtest/gtest.h>

namespace templatefs {
namespace {

Error caught(std::function<void()> const& body) {
  try {
    body();
  } catch (...) {
    return to_error(std::current_exception());
  }
  return Error(0, "nothing was thrown");
}

TEST(Error, SaysWhatFailedWhyAndWhatToDo) {
  Error const error(ENOENT, "open /x", "Make it.");
  EXPECT_EQ(error.err(), ENOENT);
  EXPECT_EQ(error.sentence(), "open /x: No such file or directory. Make it.");
}

TEST(Error, CheckKeepsTheErrnoOfTheCall) {
  auto const error = caught([] {
    errno = EACCES;
    check(-1, "open", "/secret");
  });
  EXPECT_EQ(error.err(), EACCES);
  EXPECT_EQ(error.text(), "open /secret");
  EXPECT_EQ(check(7, "open", "/fine"), 7);
}

TEST(Error, EveryExceptionHasAnErrno) {
  EXPECT_EQ(caught([] { throw Error(ENOSPC, "x"); }).err(), ENOSPC);
  EXPECT_EQ(caught([] { throw std::bad_alloc(); }).err(), ENOMEM);
  EXPECT_EQ(caught([] { throw std::system_error(EPERM, std::system_category()); }).err(), EPERM);
  EXPECT_EQ(caught([] { throw std::system_error(std::make_error_code(std::future_errc::no_state)); }).err(),
            EIO);
  EXPECT_EQ(caught([] { throw std::runtime_error("x"); }).err(), EIO);
  EXPECT_EQ(caught([] { throw 5; }).err(), EIO);
}

TEST(Error, NamesErrnos) {
  EXPECT_EQ(errno_name(ENOPKG), "ENOPKG");
  EXPECT_EQ(errno_name(99999), "errno 99999");
}

}  // namespace
}  // namespace templatefs

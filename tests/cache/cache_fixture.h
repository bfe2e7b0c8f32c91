// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/files.h"
#include "cache/layout.h"
#include "cache/lookup_or_build.h"
#include "cache/recipe.h"
#include "cache/session.h"
#include "cache/store.h"
#include "tests/support/fake_builder.h"
#include "tests/support/leak_check.h"
#include "tests/support/loop_filesystem.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include <unistd.h>

namespace templatefs::cache {

/// A store on a real reflink-capable filesystem, with a builder that needs no guest. Parameter: "xfs" or
/// "btrfs".
class CacheFixture : public test::LeakCheck, public ::testing::WithParamInterface<char const*> {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root for a loop mount";
    filesystem_ = std::make_unique<test::LoopFilesystem>(GetParam(), filesystem_bytes());
    store_ = std::make_unique<Store>(Store::open({*filesystem_ / "store", {}, FanOutChoice::automatic}));
    session_ = std::make_unique<Session>(Session::create(store_->dir(), "test", ""));
  }
  void TearDown() override {
    session_.reset();
    store_.reset();
    filesystem_.reset();
    LeakCheck::TearDown();
  }

  virtual std::int64_t filesystem_bytes() const { return std::int64_t{2} << 30; }
  TemplateRequest request(std::string_view text = "ext4/64M") const { return parse_request(book_, text); }
  BuildWish wish(std::string_view text = "ext4/64M") const {
    return {request(text), epoch_ms_now(), false, Deadline::after(std::chrono::seconds(30)), {}, nullptr};
  }
  PinnedTemplate build(std::string_view text = "ext4/64M") {
    return lookup_or_build({*store_, *session_, builder_, slots_}, make_key(request(text), builder_),
                           wish(text));
  }
  bool exists(std::string const& path) const {
    return ::faccessat(store_->dir(), path.c_str(), F_OK, 0) == 0;
  }
  unsigned count(std::string const& directory) const {
    unsigned names = 0;
    for_each_entry(store_->dir(), directory, [&](std::string const&) { ++names; });
    return names;
  }
  unsigned staged() const { return count(layout::session_dir(session_->name()) + "/" + layout::kStaging); }

  RecipeBook const book_;
  test::FakeBuilder builder_;
  BuildSlots slots_{2};
  std::unique_ptr<test::LoopFilesystem> filesystem_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Session> session_;
};

}  // namespace templatefs::cache

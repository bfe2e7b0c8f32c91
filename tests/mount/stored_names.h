// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "base/files.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"
#include "tests/support/wait_until.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <unistd.h>

namespace templatefs::test {

/// Cases that share a mount and bake, each under a name of its own, which is forgotten at its end.
class WithStoredNames : public OnEachStore {
 protected:
  void SetUp() override {
    OnEachStore::SetUp();
    if (IsSkipped()) return;
    // The raw template and others that are there already are nobody's here.
    (void)open_outcome(at("raw/1M/first.img"), O_RDWR);
    templates_before_ = names_in_store(mount(), "templates").size();
  }
  void TearDown() override {
    if (!IsSkipped()) (void)forget();
    OnEachStore::TearDown();
  }

  /// The recipe of this case.
  static std::string name() {
    std::string test = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    return test.substr(0, test.find('/')).substr(0, 60);
  }
  /// A path below it.
  std::string of_recipe(std::string const& below) const { return at(name() + "/" + below); }

  /// An image of this case's own, closed, of which nobody has a descriptor any more.
  std::string make_image(std::string const& text, std::int64_t bytes = 1 << 20,
                         std::string const& id = "golden") const {
    std::string const path = image(id);
    {
      auto const file = open_file(path);
      check(::ftruncate(file.get(), bytes), "set the length of", path);
      write_at(file.get(), text, kTextAt);
      write_at(file.get(), "end", bytes - 3);
    }
    EXPECT_TRUE(wait_until([&] { return xattr_of(path, "user.templatefs.state") == "idle"; }));
    return path;
  }
  /// What it printed.
  static std::string bake(std::string const& image, std::vector<std::string> const& options = {}) {
    std::vector<std::string> words{"bake", image, "--name", name()};
    words.insert(words.end(), options.begin(), options.end());
    auto const output = run_program(words);
    EXPECT_TRUE(output.status.success()) << output.text;
    return output.text;
  }
  CommandOutput forget() const { return run_program({"forget", name(), "--store", mount().store()}); }

  static nlohmann::json run_json(std::vector<std::string> words) {
    words.emplace_back("--json");
    auto const output = run_program(words);
    EXPECT_TRUE(output.status.success()) << output.text;
    return nlohmann::json::parse(output.text);
  }
  static std::string contents(std::string const& path) { return read_file(AT_FDCWD, path); }
  static std::string text_in(std::string const& path, std::size_t size) {
    return read_at(open_file(path, O_RDONLY).get(), size, kTextAt);
  }
  std::size_t templates_before() const noexcept { return templates_before_; }

  static constexpr off_t kTextAt = 54321;

 private:
  std::size_t templates_before_ = 0;
};

}  // namespace templatefs::test

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "cache/cache.h"
#include "cache/store_image.h"
#include "cache/stored_recipes.h"
#include "tests/cache/cache_fixture.h"

#include <memory>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::cache {

/// A store, and images that come into it without a build.
class StoredFixture : public CacheFixture {
 protected:
  void SetUp() override {
    CacheFixture::SetUp();
    if (IsSkipped()) return;
    stored_ = std::make_shared<StoredRecipes>(store_->dir());
    book_with_stored_.emplace(std::vector<Recipe>{}, stored_);
  }
  void TearDown() override {
    book_with_stored_.reset();
    stored_.reset();
    CacheFixture::TearDown();
  }

  /// An image with some text near its start, in a directory of the session's.
  std::string stage(std::string const& text, std::int64_t bytes = 3 << 20) {
    return stage_in(*session_, text, bytes);
  }
  static std::string stage_in(Session const& session, std::string const& text, std::int64_t bytes = 3 << 20) {
    std::string const entry = "entry";
    check(::mkdirat(session.staging_dir(), entry.c_str(), 0700), "make directory", entry);
    Fd const image =
        open_at(session.staging_dir(), entry + "/" + layout::kImage, O_RDWR | O_CREAT | O_EXCL, 0600);
    check(::ftruncate(image.get(), bytes), "set length", entry);
    check(::pwrite(image.get(), text.data(), text.size(), kAt), "write", entry);
    return entry;
  }
  static NewImage new_image(std::string const& name, std::string const& digest = "", bool replace = false) {
    return {name, digest, "import", "/images/" + name, R"({"format":"qcow2"})", replace};
  }
  StoredRecipe store_text(std::string const& text, NewImage const& image) {
    return store_image(*store_, *session_, stage(text), image);
  }
  /// The errno of what cannot be stored, which must leave nothing staged.
  int errno_of_storing(std::string const& text, NewImage const& image) {
    auto const entry = stage(text);
    try {
      (void)store_image(*store_, *session_, entry, image);
    } catch (Error const& error) {
      remove_tree(session_->staging_dir(), entry);
      EXPECT_EQ(staged(), 0u);
      return error.err();
    }
    return 0;
  }
  TemplateRequest stored_request(std::string const& text) const {
    return parse_request(*book_with_stored_, text);
  }
  static BuildWish wish_for(TemplateRequest const& request) {
    return {request, epoch_ms_now(), false, Deadline::after(std::chrono::seconds(5)), {}, nullptr};
  }
  PinnedTemplate pin(std::string const& text) {
    return pin_stored({*store_, *session_, builder_, slots_}, wish_for(stored_request(text)));
  }
  static std::string text_of(Fd const& image, std::size_t size) {
    std::string text(size, '\0');
    check(::pread(image.get(), text.data(), size, kAt), "read", "an image");
    return text;
  }
  void write_recipe_file(std::string const& name, std::string const& text) const {
    replace_file(store_->dir(), layout::stored_recipe(name), text, 0600, false);
  }

  static constexpr off_t kAt = 12345;
  std::shared_ptr<StoredRecipes> stored_;
  std::optional<RecipeBook> book_with_stored_;
};

}  // namespace templatefs::cache

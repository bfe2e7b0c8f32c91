// SPDX-License-Identifier: Apache-2.0
#include "cache/pins.h"

#include "base/copy_file.h"
#include "base/error.h"
#include "cache/image_listing.h"
#include "tests/cache/cache_fixture.h"

#include <tuple>

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/xattr.h>

namespace templatefs::cache {
namespace {

using ::testing::ElementsAre;

class Pins : public CacheFixture {
 protected:
  Fd make(Session const& session, std::string const& path, std::string const& text) const {
    make_directories(session.images_dir(), path.substr(0, path.rfind('/')), 0700);
    Fd image = open_at(session.images_dir(), path, O_RDWR | O_CREAT | O_EXCL, 0600);
    write_all(image.get(), text, path);
    return image;
  }
  std::vector<std::string> kept() const {
    std::vector<std::string> paths;
    for (auto const& image : list_images(store_->dir()))
      if (image.state == ImageEntry::State::kept) paths.push_back(image.path);
    return paths;
  }
  std::string text_of(std::string const& path) const {
    return read_file(store_->dir(), layout::pinned(path));
  }
};

TEST_P(Pins, AMarkTellsAllThatItWasGiven) {
  Fd const image = make(*session_, "raw/1M/a.img", "text");
  EXPECT_FALSE(read_pin(image.get()));
  pin_image(*session_, image.get(), {"", "why \"not\"", "ext4-1m-0123456789abcdef", 1, 2, 0640, 1234567});
  auto const pin = read_pin(image.get());
  ASSERT_TRUE(pin);
  EXPECT_EQ(pin->reason, "why \"not\"");
  EXPECT_EQ(pin->made_from, "ext4-1m-0123456789abcdef");
  EXPECT_EQ(std::tie(pin->uid, pin->gid, pin->mode, pin->pinned_at_ms),
            std::make_tuple(uid_t{1}, gid_t{2}, mode_t{0640}, std::int64_t{1234567}));
  unpin_image(image.get());
  EXPECT_FALSE(read_pin(image.get()));
}

TEST_P(Pins, ASecondCopyOfAnInterruptedMoveIsDropped) {
  {
    Fd const image = make(*session_, "raw/1M/a.img", "text");
    pin_image(*session_, image.get(), {});
    // As a crash after the copy and before the removal leaves it.
    make_directories(store_->dir(), layout::pinned("raw/1M"), 0700);
    Fd const copy = open_at(store_->dir(), layout::pinned("raw/1M/a.img"), O_RDWR | O_CREAT, 0600);
    ASSERT_EQ(reflink(image.get(), copy.get()), 0);
    auto const id = read_pin(image.get())->id;
    pin_image(*session_, copy.get(), {});
    ASSERT_NE(read_pin(copy.get())->id, id) << "a pin of its own, so far";
    unpin_image(copy.get());
    char mark[4096];
    auto const length = ::fgetxattr(image.get(), "user.templatefs.pin", mark, sizeof mark);
    ASSERT_EQ(::fsetxattr(copy.get(), "user.templatefs.pin", mark, static_cast<std::size_t>(length), 0), 0);
  }
  EXPECT_EQ(keep_pinned(store_->dir(), session_->name()), 0u);
  EXPECT_THAT(kept(), ElementsAre("raw/1M/a.img"));
  EXPECT_FALSE(exists(layout::session_image(session_->name(), "raw/1M/a.img")));
}

TEST_P(Pins, NamesThatAreTakenGetANumberThatFits) {
  std::string const long_id(layout::kLongestId, 'i');
  for (auto const& path :
       {"raw/1M/" + long_id + ".img", std::string("raw/1M/a.b.img"), std::string("raw/1M/t.d/TEST.img")}) {
    for (int round = 1; round <= 3; ++round) {
      Session session = Session::create(store_->dir(), "mount", "");
      pin_image(session, make(session, path, std::to_string(round)).get(), {});
      session.drop();
    }
  }
  auto const shortened = "raw/1M/" + std::string(layout::kLongestId - 2, 'i');
  EXPECT_THAT(kept(), ElementsAre("raw/1M/a.b.img", "raw/1M/a.b~2.img", "raw/1M/a.b~3.img",
                                  "raw/1M/" + long_id + ".img", shortened + "~2.img", shortened + "~3.img",
                                  "raw/1M/t.d/TEST.img", "raw/1M/t~2.d/TEST.img", "raw/1M/t~3.d/TEST.img"));
  EXPECT_EQ(text_of("raw/1M/a.b.img"), "1");
  EXPECT_EQ(text_of("raw/1M/t~3.d/TEST.img"), "3");
}

TEST_P(Pins, WhatCannotBeKeptStaysInItsSession) {
  Session session = Session::create(store_->dir(), "mount", "");
  pin_image(session, make(session, "raw/1M/a.img", "text").get(), {});
  replace_file(store_->dir(), layout::pinned("raw"), "in the way", 0600, false);
  EXPECT_THROW(session.drop(), Error);
  EXPECT_TRUE(exists(layout::session_image(session.name(), "raw/1M/a.img")));
  ASSERT_EQ(::unlinkat(store_->dir(), layout::pinned("raw").c_str(), 0), 0);
  EXPECT_EQ(keep_pinned(store_->dir(), session.name()), 1u);
  remove_session(store_->dir(), session.name());
  EXPECT_THAT(kept(), ElementsAre("raw/1M/a.img"));
}

INSTANTIATE_TEST_SUITE_P(Stores, Pins, ::testing::Values("xfs", "btrfs"));

}  // namespace
}  // namespace templatefs::cache

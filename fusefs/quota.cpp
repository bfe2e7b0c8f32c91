// SPDX-License-Identifier: Apache-2.0
#include "fusefs/quota.h"

#include "base/capacity.h"
#include "base/log.h"

#include <cerrno>

namespace templatefs::fusefs {

namespace {

Error over(std::string const& who, std::string const& has, std::string const& limit, std::string_view key) {
  return {EDQUOT, format("make another image: {} {}, and {} in [quota] is {}", who, has, key, limit),
          format("Unlink images that are done with, or raise {} and send the daemon SIGHUP.", key)};
}

std::string images(std::int64_t count) {
  return format("{} image{}", count, count == 1 ? "" : "s");
}

std::string written(std::int64_t bytes) {
  return format("images that take {}", human_size(bytes));
}

}  // namespace

void Holdings::Charge::add(std::int64_t images, std::int64_t bytes) {
  if (holdings_ == nullptr) return;
  auto const at = holdings_->users_.try_emplace(uid_).first;
  for (auto* const share : {&at->second, &holdings_->all_}) {
    share->images += images;
    share->bytes += bytes;
  }
  if (at->second.images == 0) holdings_->users_.erase(at);
}

Holdings::Share Holdings::of(uid_t uid) const {
  auto const at = users_.find(uid);
  return at == users_.end() ? Share() : at->second;
}

std::optional<Error> Holdings::refusal(uid_t uid) const {
  auto const passed = [](std::int64_t has, std::optional<std::int64_t> const& limit) {
    return limit && has >= *limit;
  };
  if (uid != 0) {
    auto const own = of(uid);
    auto const user = format("user {} has", uid);
    if (passed(own.images, quota.images_per_user))
      return over(user, images(own.images), std::to_string(*quota.images_per_user), "images_per_user");
    if (passed(own.bytes, quota.bytes_per_user))
      return over(user, written(own.bytes), human_size(*quota.bytes_per_user), "bytes_per_user");
  }
  auto const all = format("all users have");
  auto const mine = format(" (user {} has {})", uid, images(of(uid).images));
  if (passed(all_.images, quota.images))
    return over(all, images(all_.images) + mine, std::to_string(*quota.images), "images");
  if (passed(all_.bytes, quota.bytes))
    return over(all, written(all_.bytes) + mine, human_size(*quota.bytes), "bytes");
  return std::nullopt;
}

}  // namespace templatefs::fusefs

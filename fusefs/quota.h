// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>

#include <sys/types.h>

namespace templatefs::fusefs {

/// What users may have in a mount. What is empty limits nothing; root is bound by the totals alone.
struct Quota {
  std::optional<std::int64_t> images_per_user;
  std::optional<std::int64_t> bytes_per_user;   // that their images do not share
  std::optional<std::int64_t> builds_per_user;  // at a time
  std::optional<std::int64_t> images;           // of all users
  std::optional<std::int64_t> bytes;

  bool limits_bytes() const noexcept { return bytes_per_user || bytes; }
};

/// How many images each user has and what these take, as it was last measured. Guarded by the node table's
/// mutex.
class Holdings {
 public:
  struct Share {
    std::int64_t images = 0;
    std::int64_t bytes = 0;
  };

  /// One image, counted for a user for as long as this lives: for whoever opened it first, whoever owns it
  /// since. Borrows the holdings.
  class Charge {
   public:
    Charge() = default;
    Charge(Holdings& holdings, uid_t uid) : holdings_(&holdings), uid_(uid) { add(1, 0); }
    Charge(Charge&& other) noexcept { *this = std::move(other); }
    Charge& operator=(Charge&& other) noexcept {
      std::swap(holdings_, other.holdings_);
      std::swap(uid_, other.uid_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Charge() { add(-1, -bytes_); }

    void set_bytes(std::int64_t bytes) {
      add(0, bytes - bytes_);
      bytes_ = bytes;
    }

   private:
    void add(std::int64_t images, std::int64_t bytes);

    Holdings* holdings_ = nullptr;
    uid_t uid_ = 0;
    std::int64_t bytes_ = 0;
  };

  Share of(uid_t uid) const;
  /// Those who have an image.
  std::unordered_map<uid_t, Share> const& users() const noexcept { return users_; }
  Share const& all() const noexcept { return all_; }
  /// EDQUOT where this user may not have one more image.
  std::optional<Error> refusal(uid_t uid) const;

  Quota quota;  // as it is now

 private:
  std::unordered_map<uid_t, Share> users_;
  Share all_;
};

}  // namespace templatefs::fusefs

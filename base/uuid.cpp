// SPDX-License-Identifier: Apache-2.0
#include "base/uuid.h"

#include "base/error.h"

#include <sys/random.h>

namespace templatefs {

Uuid random_uuid() {
  Uuid uuid{};
  check(::getrandom(uuid.data(), uuid.size(), 0), "getrandom", "a UUID");
  uuid[6] = static_cast<unsigned char>(0x40 | (uuid[6] & 0x0F));
  uuid[8] = static_cast<unsigned char>(0x80 | (uuid[8] & 0x3F));
  return uuid;
}

}  // namespace templatefs

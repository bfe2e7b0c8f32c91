// SPDX-License-Identifier: Apache-2.0
#include "base/uuid.h"

#include <gtest/gtest.h>

namespace templatefs {

TEST(Uuid, IsRandomAndSaysSo) {
  auto const uuid = random_uuid();
  EXPECT_NE(random_uuid(), uuid);
  EXPECT_EQ(uuid[6] >> 4, 4) << "the version";
  EXPECT_EQ(uuid[8] >> 6, 2) << "the variant";
}

}  // namespace templatefs

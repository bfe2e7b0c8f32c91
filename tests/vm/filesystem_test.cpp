// SPDX-License-Identifier: Apache-2.0
#include "vm/filesystem.h"

#include "tests/vm/filesystem_rows.h"
#include "tests/vm/support.h"

#include <set>

namespace templatefs::vm {

TEST(FilesystemTable, EveryRowWithAFormatterHasItsRowOfExpectations) {
  std::vector<std::string_view> formatted, expected;
  for (auto const& row : filesystems())
    if (!row.formatter.empty()) formatted.push_back(row.name);
  for (auto const& row : filesystem_rows()) expected.push_back(row.name);
  EXPECT_EQ(formatted, expected);
  EXPECT_EQ(filesystems().size(), formatted.size() + 1) << "raw alone has none";
}

TEST(FilesystemTable, FindsByNameOnly) {
  EXPECT_EQ(find_filesystem("xfs")->package, "xfsprogs");
  EXPECT_EQ(find_filesystem("XFS"), nullptr);
  EXPECT_EQ(find_filesystem(""), nullptr);
  EXPECT_EQ(find_filesystem("xfs "), nullptr);
}

TEST(FilesystemTable, EveryRowIsWhole) {
  for (auto const& row : filesystems()) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(row.minimum_bytes % Capacity::kMiB, 0);
    EXPECT_GE(row.minimum_bytes, Capacity::kMiB);
    if (row.maximum_bytes != Filesystem::kNoMaximum) {
      EXPECT_EQ(row.maximum_bytes % Capacity::kMiB, 0);
      EXPECT_GT(row.maximum_bytes, std::int64_t{1} << 40);
    }
    if (row.formatter.empty()) {
      EXPECT_TRUE(row.magic.empty() && row.mount_type.empty() && row.modules.empty() &&
                  row.arguments.empty());
      continue;
    }
    EXPECT_FALSE(row.version_switch.empty());
    EXPECT_FALSE(row.package.empty());
    EXPECT_FALSE(row.magic.empty());
    EXPECT_FALSE(row.check_command.empty());
    EXPECT_LT(row.magic_offset + static_cast<std::int64_t>(row.magic.size()), row.minimum_bytes);
  }
}

TEST(FilesystemTable, RawNeedsNothing) {
  auto const* raw = find_filesystem("raw");
  EXPECT_TRUE(raw->formatter.empty());
  EXPECT_TRUE(raw->check_command.empty());
}

}  // namespace templatefs::vm

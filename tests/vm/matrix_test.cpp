// SPDX-License-Identifier: Apache-2.0
#include "tests/vm/filesystem_rows.h"
#include "tests/vm/guest_fixture.h"
#include "vm/kernel_lookup.h"

#include <cstdlib>
#include <ostream>
#include <tuple>

namespace templatefs::vm {

namespace {

/// A guest kernel under test.
struct TestKernel {
  std::string name;   // in the test's name
  std::string image;  // a path; empty: this machine's newest
};

void PrintTo(TestKernel const& kernel, std::ostream* out) {
  *out << kernel.name;
}

/// The one that scripts/test fetched.
std::string fetched_kernel() {
  char const* const path = std::getenv("TEMPLATEFS_TEST_KERNEL");
  return path == nullptr ? std::string() : path;
}

std::vector<TestKernel> kernels() {
  std::vector<TestKernel> out{{"Stock", {}}};
  if (!fetched_kernel().empty()) out.push_back({"Fetched", fetched_kernel()});
  return out;
}

enum class Size { minimum, half_gib, eight_gib };

std::string_view name_of(Size size) {
  return size == Size::minimum ? "Minimum" : size == Size::half_gib ? "512M" : "8G";
}

using Cell = std::tuple<FilesystemRow, Size, TestKernel>;

std::string name_of_cell(testing::TestParamInfo<Cell> const& cell) {
  auto const& [row, size, kernel] = cell.param;
  return std::string(row.name) + "_" + std::string(name_of(size)) + "_" + kernel.name;
}

class Matrix : public GuestTest, public testing::WithParamInterface<Cell> {};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Templates, Matrix,
                         testing::Combine(testing::ValuesIn(filesystem_rows()),
                                          testing::Values(Size::minimum, Size::half_gib, Size::eight_gib),
                                          testing::ValuesIn(kernels())),
                         name_of_cell);

TEST_P(Matrix, IsCleanAndWasMounted) {
  auto const& [row, size, kernel] = GetParam();
  auto const& filesystem = row.filesystem();
  auto const mib = size == Size::minimum    ? filesystem.minimum_bytes / Capacity::kMiB
                   : size == Size::half_gib ? 512
                                            : 8192;
  auto spec = spec_of(row.name, mib);
  spec.kernel = kernel.image;
  auto const report = build(spec);
  bool const mountable = row.mountable(mib, kernel.image);
  EXPECT_EQ(report.mounted, mountable) << report.not_mounted;
  EXPECT_EQ(report.kernel, mountable ? find_kernel(kernel.image).version : "");
  EXPECT_EQ(magic_of(image_, filesystem), filesystem.magic);
  EXPECT_TRUE(is_clean(filesystem, image_));
}

TEST(MatrixKernels, OneBesideTheMachinesOwn) {
  if (fetched_kernel().empty())
    GTEST_SKIP() << "scripts/fetch-kernel could not fetch a second kernel: see what scripts/test printed";
  if (find_kernel(fetched_kernel()).version == find_kernel("").version)
    GTEST_SKIP() << "the fetched kernel is the one that is installed";
}

}  // namespace templatefs::vm

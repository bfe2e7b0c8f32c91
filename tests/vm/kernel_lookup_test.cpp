// SPDX-License-Identifier: Apache-2.0
#include "vm/kernel_lookup.h"

#include "tests/vm/support.h"

#include <cerrno>

#include <gmock/gmock.h>

#include <unistd.h>

namespace templatefs::vm {

namespace {

using testing::HasSubstr;

/// The part of a bzImage that the lookup reads.
std::string fake_bzimage(std::string const& version) {
  std::string bytes(0x400, '\0');
  bytes.replace(0x202, 4, "HdrS");
  bytes[0x20e] = 0x10;  // 0x200 + 0x110
  bytes[0x20f] = 0x01;
  std::string const text = version + " (builder@host) #1 SMP";
  return bytes.replace(0x310, text.size(), text);
}

class KernelLookup : public VmTest {
 protected:
  void install(std::string const& version, std::string const& file_name) {
    write_file(roots_.boot + "/" + file_name, fake_bzimage(version));
  }
  void install_modules(std::string const& version) {
    write_file(roots_.modules + "/" + version + "/modules.dep", "");
  }

  KernelRoots roots_{scratch_ / "boot", scratch_ / "modules"};
};

}  // namespace

TEST_F(KernelLookup, TakesTheNewestByVersionNotByText) {
  for (std::string const version : {"6.1.0-9-amd64", "6.1.0-56-amd64", "5.10.0-1-amd64"}) {
    install(version, "vmlinuz-" + version);
    install_modules(version);
  }
  auto const kernel = find_kernel("", roots_);
  EXPECT_EQ(kernel.version, "6.1.0-56-amd64");
  EXPECT_EQ(kernel.image, roots_.boot + "/vmlinuz-6.1.0-56-amd64");
  EXPECT_EQ(kernel.modules, roots_.modules + "/6.1.0-56-amd64");
}

TEST_F(KernelLookup, SkipsAKernelWithoutItsModules) {
  install("6.9.0", "vmlinuz-6.9.0");
  install("6.1.0", "vmlinuz-6.1.0");
  install_modules("6.1.0");
  EXPECT_EQ(find_kernel("", roots_).version, "6.1.0");
}

TEST_F(KernelLookup, BelievesTheImageNotItsName) {
  install("6.1.0", "vmlinuz-7.0.0");
  install_modules("6.1.0");
  EXPECT_EQ(find_kernel("", roots_).version, "6.1.0");
  EXPECT_EQ(find_kernel(roots_.boot + "/vmlinuz-7.0.0", roots_).version, "6.1.0");
}

TEST_F(KernelLookup, FindsTheModulesOfAKernelThatWasOnlyUnpacked) {
  auto const root = scratch_ / "unpacked";
  auto const image = root + "/boot/vmlinuz-6.12.0";
  write_file(image, fake_bzimage("6.12.0"));
  install_modules("6.12.0");
  EXPECT_EQ(find_kernel(image, roots_).modules, roots_.modules + "/6.12.0");
  write_file(root + "/lib/modules/6.12.0/modules.dep", "");
  EXPECT_EQ(find_kernel(image, roots_).modules, root + "/lib/modules/6.12.0");
}

TEST_F(KernelLookup, SaysWhyEachCandidateWasRefused) {
  install("6.9.0", "vmlinuz-6.9.0");
  write_file(roots_.boot + "/vmlinuz-6.8.0", "not a kernel");
  auto const error = error_of([&] { find_kernel("", roots_); });
  EXPECT_EQ(error.err(), ENOPKG);
  EXPECT_THAT(error.text(),
              HasSubstr("vmlinuz-6.9.0 is 6.9.0, and " + roots_.modules + "/6.9.0/modules.dep"));
  EXPECT_THAT(error.text(), HasSubstr("vmlinuz-6.8.0 is not an x86 kernel image"));
  EXPECT_THAT(error.remedy(), HasSubstr("linux-image-cloud-amd64"));
}

TEST_F(KernelLookup, SaysThatThereIsNoneAtAll) {
  auto const error = error_of([&] { find_kernel("", roots_); });
  EXPECT_EQ(error.err(), ENOPKG);
  EXPECT_THAT(error.text(), HasSubstr("there is no vmlinuz-* in " + roots_.boot));
}

TEST_F(KernelLookup, DoesNotReplaceAnExplicitKernelThatCannotBeUsed) {
  install("6.1.0", "vmlinuz-6.1.0");
  install_modules("6.1.0");
  EXPECT_EQ(error_of([&] { find_kernel(scratch_ / "missing", roots_); }).err(), ENOPKG);
  write_file(scratch_ / "short", "MZ");
  EXPECT_THAT(error_of([&] { find_kernel(scratch_ / "short", roots_); }).text(),
              HasSubstr("not an x86 kernel image"));
}

TEST_F(KernelLookup, RefusesAVersionThatIsAPath) {
  write_file(scratch_ / "evil", fake_bzimage("../../etc"));
  EXPECT_EQ(error_of([&] { kernel_image_version(scratch_ / "evil"); }).err(), ENOEXEC);
}

TEST_F(KernelLookup, FindsThisMachinesGuestKernel) {
  auto const kernel = find_kernel("");
  EXPECT_THAT(kernel.image, HasSubstr("/boot/vmlinuz-"));
  EXPECT_EQ(::access((kernel.modules + "/modules.dep").c_str(), R_OK), 0);
}

}  // namespace templatefs::vm

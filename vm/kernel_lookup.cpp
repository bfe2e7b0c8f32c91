// SPDX-License-Identifier: Apache-2.0
#include "vm/kernel_lookup.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

constexpr char kRemedy[] =
    "Install a kernel for the guest (package linux-image-cloud-amd64 is the smallest; linux-image-amd64 will "
    "do), or name one whose modules are installed with --kernel";

/// Where a kernel's modules are: those of a package that was unpacked somewhere are below its own root, as in
/// ROOT/boot/vmlinuz-1 and ROOT/lib/modules/1; all others where this machine keeps modules.
std::string modules_of(Kernel const& kernel, KernelRoots const& roots) {
  auto const boot = std::filesystem::path(kernel.image).parent_path();
  if (boot.filename() == "boot" && boot != roots.boot) {
    auto const beside = (boot.parent_path() / "lib/modules" / kernel.version).string();
    if (::access((beside + "/modules.dep").c_str(), R_OK) == 0) return beside;
  }
  return roots.modules + "/" + kernel.version;
}

/// Empty, or why the kernel cannot be used.
std::string refusal(std::string const& image, KernelRoots const& roots, Kernel& found) {
  try {
    found = {image, kernel_image_version(image), {}};
  } catch (Error const& error) {
    return error.sentence();
  }
  found.modules = modules_of(found, roots);
  if (::access((found.modules + "/modules.dep").c_str(), R_OK) != 0)
    return image + " is " + found.version + ", and " + found.modules + "/modules.dep: " + errno_words(errno);
  return {};
}

std::vector<std::string> newest_first(std::string const& boot) {
  std::vector<std::string> names;
  for_each_entry(AT_FDCWD, boot, [&](std::string const& name) {
    if (name.starts_with("vmlinuz-")) names.push_back(name);
  });
  std::sort(names.begin(), names.end(), [](std::string const& left, std::string const& right) {
    return ::strverscmp(left.c_str(), right.c_str()) > 0;
  });
  return names;
}

}  // namespace

std::string kernel_image_version(std::string const& image) {
  // Documentation/arch/x86/boot.rst: "HdrS" at 0x202; the 16 bits at 0x20e, plus 0x200, are where the
  // version string is, which begins with what `uname -r` will say.
  Fd const fd = open_at(AT_FDCWD, image, O_RDONLY);
  unsigned char header[0x210];
  if (::pread(fd.get(), header, sizeof header, 0) != static_cast<ssize_t>(sizeof header) ||
      std::memcmp(header + 0x202, "HdrS", 4) != 0)
    throw Error(ENOEXEC, image + " is not an x86 kernel image (bzImage)");
  char text[256] = "";
  auto const offset = (header[0x20e] | header[0x20f] << 8) + 0x200;
  auto const got = ::pread(fd.get(), text, sizeof text - 1, offset);
  std::string version(text, got > 0 ? std::strcspn(text, " ") : 0);
  if (version.empty() || version.find('/') != std::string::npos)
    throw Error(ENOEXEC, image + " does not say its version");
  return version;
}

Kernel find_kernel(std::string const& image, KernelRoots const& roots) {
  Kernel found;
  if (!image.empty()) {
    auto const why_not = refusal(image, roots, found);
    if (why_not.empty()) return found;
    throw Error(ENOPKG, "the guest kernel that was asked for cannot be used (" + why_not + ")", kRemedy);
  }
  std::string reasons;
  for (auto const& name : newest_first(roots.boot)) {
    auto const why_not = refusal(roots.boot + "/" + name, roots, found);
    if (why_not.empty()) return found;
    reasons += (reasons.empty() ? "" : "; ") + why_not;
  }
  if (reasons.empty()) reasons = "there is no vmlinuz-* in " + roots.boot;
  throw Error(ENOPKG, "no kernel for the template guest (" + reasons + ")", kRemedy);
}

}  // namespace templatefs::vm

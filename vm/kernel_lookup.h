// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace templatefs::vm {

/// A kernel that a guest can boot, and where its modules are.
struct Kernel {
  std::string image;    // a bzImage
  std::string version;  // from the image itself: "6.1.0-56-cloud-amd64"
  std::string modules;  // directory that holds modules.dep
};

/// Where kernels are installed; tests have their own.
struct KernelRoots {
  std::string boot = "/boot";
  std::string modules = "/lib/modules";
};

/// The kernel at `image`, or for an empty `image` the newest one below roots.boot whose modules are
/// installed. The modules of an image in another DIR/boot are DIR/lib/modules/V where that exists, so that a
/// kernel need not be installed to be used. Throws Error(ENOPKG) that says why each candidate was refused.
Kernel find_kernel(std::string const& image, KernelRoots const& roots = {});

/// The version that a bzImage says it is. Throws Error.
std::string kernel_image_version(std::string const& image);

}  // namespace templatefs::vm

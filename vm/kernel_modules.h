// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace templatefs::vm {

struct KernelModule {
  std::string path;  // .ko, or compressed: .ko.xz, .ko.zst, .ko.gz
  bool required;     // else the guest goes on without it: a soft dependency, such as a faster checksum
};

/// What a template guest needs for itself, whatever it makes: transport, report port, disk.
std::vector<std::string> const& guest_drivers();

/// The module files to load, in order, for the named drivers of the kernel whose modules.dep is in
/// `directory`: dependencies and soft dependencies (pre) first, what is built in left out. The host's
/// modprobe.d is ignored. Drivers that the kernel does not have: those in `needed` throw Error(ENOPKG), those
/// in `wanted` are left out.
std::vector<KernelModule> find_modules(std::string const& directory, std::vector<std::string> const& needed,
                                       std::vector<std::string> const& wanted);

}  // namespace templatefs::vm

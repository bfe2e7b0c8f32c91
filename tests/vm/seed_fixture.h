// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/mounted_image.h"
#include "tests/vm/guest_fixture.h"
#include "vm/seed.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace templatefs::vm {

/// A tree with every kind of file that a seed may hold. Needs root.
void make_every_kind(std::string const& directory);

/// Path inside the tree -> everything that must survive, as text: type, mode, owner, device, time, target,
/// hard links, contents, holes, attributes. "." is the directory itself.
std::map<std::string, std::string> describe_tree(std::string const& directory);

/// `tar ARGUMENTS` or another command; fails the test where it fails.
void run(std::vector<std::string> const& argv);

using test::MountedImage;

/// Builds from seeds and looks at what came out.
class SeedTest : public GuestTest {
 protected:
  static Seed directory(std::string path) { return {Seed::Kind::directory, std::move(path)}; }
  static Seed tar(std::string path) { return {Seed::Kind::tar, std::move(path)}; }
  static BuildSpec seeded(std::string_view filesystem, std::int64_t mib, Seed seed) {
    auto spec = spec_of(filesystem, mib);
    spec.seed = std::move(seed);
    return spec;
  }
  /// describe_tree of a template's contents, without what the formatter put there.
  std::map<std::string, std::string> contents(std::string_view filesystem, std::string const& subpath = "");
  /// Names in the test's directory.
  std::vector<std::string> files() const;
};

/// With a directory "seed" to begin with, and archives made of it.
class SeedFileTest : public SeedTest {
 protected:
  SeedFileTest();
  /// "seed.tar".
  std::string pack(std::vector<std::string> const& options = {});
  /// Programs that write a compressed form to stdout, and what they add to the name.
  static std::vector<std::vector<std::string>> const& compressors();
  std::string compress(std::string const& tar, std::vector<std::string> const& how);
};

}  // namespace templatefs::vm

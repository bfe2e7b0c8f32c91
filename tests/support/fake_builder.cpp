// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_builder.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/random_name.h"
#include "vm/filesystem.h"

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::test {

std::vector<vm::Input> FakeBuilder::inputs(vm::BuildSpec const& spec) {
  std::vector<vm::Input> out{{"builder", "fake"}, {"formatter_version", formatter_version}};
  if (spec.seed) out.push_back({"seed", vm::seed_digest(*spec.seed)});
  return out;
}

std::vector<std::string> FakeBuilder::watched_files(vm::BuildSpec const&) {
  return {};
}

vm::BuildReport FakeBuilder::build(vm::BuildSpec const& spec, std::string const& image_path,
                                   std::string const&, vm::PhaseListener const& on_phase,
                                   std::stop_token const& stop) {
  ++builds;
  if (on_phase) on_phase("format");
  Fd const image = open_at(AT_FDCWD, image_path, O_RDWR);
  auto const write_at = [&](std::string_view bytes, off_t offset) {
    check(::pwrite(image.get(), bytes.data(), bytes.size(), offset), "write", image_path);
  };
  // No two real builds are byte-identical, so neither are these.
  write_at(random_hex(16), 1 << 19);
  write_at(spec.filesystem->magic, spec.filesystem->magic_offset);
  if (during_build) during_build(image_path, stop);
  return {"none", "", formatter_version, false, {{"format", 0.001}}};
}

}  // namespace templatefs::test

// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/doctor_checks.h"
#include "vm/archiver.h"
#include "vm/filesystem.h"
#include "vm/formatter.h"

#include <exception>
#include <filesystem>

namespace templatefs::cli {

namespace {

Finding check_formatter(vm::Filesystem const& filesystem) {
  std::string const name(filesystem.formatter);
  if (find_on_path(name).empty()) {
    auto const out_of_path = "/usr/sbin/" + name;
    std::error_code ignored;
    auto const remedy = std::filesystem::is_regular_file(out_of_path, ignored)
                            ? "It is " + out_of_path + ": add /usr/sbin to PATH."
                            : "apt-get install " + std::string(filesystem.package);
    return in_trouble(
        filesystem.common ? TroubleName("formatter/missing") : TroubleName("formatter/missing-rare"), name,
        name + " is not on PATH", remedy);
  }
  try {
    auto const formatter = vm::find_formatter(filesystem);
    return all_well(name, format("{} ({})", formatter.path, formatter.version_line()));
  } catch (...) {
    return in_trouble(
        filesystem.common ? TroubleName("formatter/broken") : TroubleName("formatter/broken-rare"), name,
        std::current_exception(), "apt-get install --reinstall " + std::string(filesystem.package));
  }
}

Finding check_qemu_img() {
  auto const path = find_on_path("qemu-img");
  if (!path.empty()) return all_well("qemu-img", path);
  return in_trouble("qemu-img/missing", "qemu-img",
                    "qemu-img is not on PATH: qcow2, VMDK, VDI and VHDX images cannot be imported",
                    "apt-get install qemu-utils");
}

Finding check_tar() {
  auto const archiver = vm::find_archiver();
  return all_well("tar", format("{} ({})", archiver.program.path, archiver.program.first_line()));
}

}  // namespace

void examine_programs(DoctorFindings& findings) {
  for (auto const& filesystem : vm::filesystems())
    if (!filesystem.formatter.empty()) findings.push_back(check_formatter(filesystem));
  findings.push_back(check_qemu_img());
  findings.push_back(attempt("tar/unusable", "tar", check_tar));
}

}  // namespace templatefs::cli

// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/verify_store.h"

#include "base/child.h"
#include "base/content_digest.h"
#include "base/error.h"
#include "base/files.h"
#include "cache/key.h"
#include "cache/layout.h"
#include "cache/manifest.h"
#include "vm/filesystem.h"

#include <chrono>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::test {

namespace {

namespace layout = cache::layout;

void check_template(std::string const& store, std::string const& key) {
  if (!cache::parse_key_name(key)) throw Error(EINVAL, "read it as a key");
  auto const manifest =
      cache::Manifest::from_json(read_file(AT_FDCWD, store + "/" + layout::template_manifest(key)));
  std::string const path = store + "/" + layout::template_image(key);
  Fd const image = open_at(AT_FDCWD, path, O_RDONLY);
  struct stat st {};
  check(::fstat(image.get(), &st), "stat", path);
  if (manifest.key != key) throw Error(EINVAL, "its manifest is of " + manifest.key);
  if (st.st_size != manifest.capacity_bytes) throw Error(EINVAL, "its size is " + std::to_string(st.st_size));
  if (auto const sum = content_sha256(image.get(), st.st_size); sum != manifest.content_sha256)
    throw Error(EBADMSG, "its content is " + sum + ", built was " + manifest.content_sha256);

  auto command = vm::find_filesystem(manifest.filesystem)->check_command;
  if (command.empty()) return;
  command.push_back(path);
  auto const result = run_command(command, Deadline::after(std::chrono::seconds(60)));
  if (!result.status.success()) throw Error(EUCLEAN, command[0] + ": " + result.text);
}

}  // namespace

std::vector<std::string> faults_of_templates(std::string const& store) {
  std::vector<std::string> faults;
  for_each_entry(AT_FDCWD, store + "/" + layout::kTemplates, [&](std::string const& key) {
    try {
      check_template(store, key);
    } catch (std::exception const& error) {
      faults.push_back(key + ": " + error.what());
    }
  });
  return faults;
}

std::vector<std::string> temporaries(std::string const& store) {
  std::vector<std::string> found;
  for (auto at = std::filesystem::recursive_directory_iterator(store); at != std::filesystem::end(at); ++at) {
    std::string const name = at->path().filename();
    if (name == layout::kSessions)
      at.disable_recursion_pending();
    else if (name.find(".new-") != std::string::npos || name.starts_with("removed-"))
      found.push_back(at->path());
  }
  return found;
}

}  // namespace templatefs::test

// SPDX-License-Identifier: Apache-2.0
#include "cache/listing.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "cache/key.h"
#include "cache/layout.h"
#include "cache/stored_recipe.h"

#include <algorithm>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::cache {

TemplateEntry look_at_template(int store_dir, std::string const& key) {
  TemplateEntry entry;
  entry.key = key;
  struct stat st {};
  if (::fstatat(store_dir, layout::template_image(key).c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
    entry.capacity_bytes = st.st_size;
    entry.allocated_bytes = static_cast<std::int64_t>(st.st_blocks) * 512;
  } else {
    entry.problem = "it has no image";
  }
  try {
    entry.manifest = Manifest::from_json(read_file(store_dir, layout::template_manifest(key), 1 << 20));
  } catch (Error const& error) {
    if (entry.problem.empty()) entry.problem = error.sentence();
  }
  if (Fd const lock = open_at_if_exists(store_dir, layout::key_lock(key), O_RDONLY))
    entry.users = lock_holders(lock.get());
  if (auto const parts = parse_key_name(key); parts && parts->recipe == kStoredKeyPrefix)
    entry.names = names_of_template(store_dir, key);
  return entry;
}

TemplateNames template_names(int store_dir) {
  TemplateNames out;
  for_each_entry(store_dir, layout::kTemplates, [&](std::string const& name) {
    (parse_key_name(name) ? out.keys : out.foreign).push_back(name);
  });
  std::sort(out.keys.begin(), out.keys.end());
  std::sort(out.foreign.begin(), out.foreign.end());
  return out;
}

std::vector<TemplateEntry> list_templates(int store_dir) {
  auto const keys = template_names(store_dir).keys;
  std::vector<TemplateEntry> entries;
  entries.reserve(keys.size());
  for (auto const& key : keys) entries.push_back(look_at_template(store_dir, key));
  return entries;
}

std::vector<std::int64_t> published_capacities(int store_dir, std::string const& recipe) {
  std::set<std::int64_t> sizes;
  for_each_entry(store_dir, layout::kTemplates, [&](std::string const& name) {
    auto const parts = parse_key_name(name);
    if (parts && parts->recipe == recipe) sizes.insert(parts->mib);
  });
  return {sizes.begin(), sizes.end()};
}

}  // namespace templatefs::cache

// SPDX-License-Identifier: Apache-2.0
#include "cli/completion_words.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/mount_table.h"
#include "cache/image_tree.h"
#include "cache/layout.h"
#include "cache/listing.h"
#include "cache/pins.h"
#include "cache/stored_recipe.h"
#include "cli/setup.h"
#include "fusefs/mount_point.h"
#include "fusefs/snapshots.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs::cli {

namespace {

namespace layout = cache::layout;

constexpr unsigned kLongestSeconds = 3;

/// Offered of every recipe that can have them.
constexpr std::int64_t kUsualMib[] = {64, 256, 512, 1024, 2048, 4096, 10240};

/// The shell has not done it.
std::string with_home(std::string const& path) {
  char const* const home = std::getenv("HOME");
  return path.rfind("~/", 0) == 0 && home != nullptr ? home + path.substr(1) : path;
}

/// Of "--store DIR" and "--store=DIR"; empty where it is not among the words.
std::string value_of(std::vector<std::string> const& words, std::string const& option) {
  std::string value;
  for (std::size_t at = 0; at < words.size(); ++at) {
    if (words[at] == option && at + 1 < words.size()) value = words[at + 1];
    if (words[at].rfind(option + "=", 0) == 0) value = words[at].substr(option.size() + 1);
  }
  return with_home(value);
}

class Words {
 public:
  Words(std::string prefix, std::vector<std::string> const& words)
      : prefix_(std::move(prefix)), words_(words) {
    try {
      ConfigOptions options;
      options.file = value_of(words, "--config");
      config_ = options.load();
    } catch (Error const&) {
      // What is wrong with it, commands say.
    }
    StoreOptions options;
    options.path = value_of(words, "--store");
    options.fill_from(config_);
    // Neither made nor mounted for a look: what has no FORMAT is no store.
    auto directory = open_at_if_exists(AT_FDCWD, options.resolve().path, O_RDONLY | O_DIRECTORY);
    if (directory && open_at_if_exists(directory.get(), layout::kFormatFile, O_RDONLY))
      store_ = std::move(directory);
  }

  void add(std::string_view what) {
    if (what == "mounts") return add_all(mount_points());
    if (what == "templates") return add_templates();
    if (what == "recipes") return add_all(recipe_names());
    if (!store_) return;
    if (what == "keys") return add_all(cache::template_names(store_.get()).keys);
    if (what == "stored") return add_all(cache::stored_recipe_names(store_.get()));
    if (what == "images") return add_images(false);
    if (what == "pins") return add_images(true);
    if (what == "snapshots") return add_snapshots();
  }

  std::vector<std::string> take() { return {found_.begin(), found_.end()}; }

 private:
  void add(std::string const& word) {
    if (word.rfind(prefix_, 0) == 0) found_.insert(word);
  }
  void add_all(std::vector<std::string> const& words) {
    for (auto const& each : words) add(each);
  }

  static std::vector<std::string> mount_points() {
    std::vector<std::string> out;
    for (auto const& mount : read_mount_table())
      if (mount.type == fusefs::kMountType) out.push_back(mount.mount_point);
    return out;
  }

  std::vector<std::string> recipe_names() const {
    std::vector<std::string> out;
    auto const book = config_.recipe_book();
    for (auto const* const each : book.all()) out.push_back(each->name);
    if (store_)
      for (auto const& each : cache::stored_recipe_names(store_.get())) out.push_back(each);
    return out;
  }

  /// "btrfs/", and once that is there "btrfs/256M".
  void add_templates() {
    auto const slash = prefix_.find('/');
    if (slash == std::string::npos) {
      for (auto const& each : recipe_names()) add(each + "/");
      return;
    }
    auto const name = prefix_.substr(0, slash);
    if (store_)
      for (auto const mib : cache::published_capacities(store_.get(), name))
        add(name + "/" + Capacity::of_mib(mib).canonical());
    auto const book = config_.recipe_book();
    auto const* const recipe = book.find_fixed(name);
    if (recipe == nullptr) {
      auto const known = recipe_names();
      if (std::find(known.begin(), known.end(), name) != known.end())
        add(name + "/" + std::string(cache::kNative));
      return;
    }
    if (cache::has_auto(*recipe)) add(name + "/" + cache::kAuto);
    for (auto const mib : kUsualMib) {
      cache::TemplateRequest const request{recipe, Capacity::of_mib(mib)};
      if (request.bytes() >= recipe->filesystem->minimum_bytes &&
          request.bytes() <= recipe->filesystem->maximum_bytes)
        add(request.path());
    }
  }

  /// Calls visit(session, mount point) for those that are mounted now.
  void for_each_mounted(std::function<void(std::string const&, std::string const&)> const& visit) const {
    auto const live = mount_points();
    for_each_entry(store_.get(), layout::kSessions, [&](std::string const& session) {
      try {
        auto const info = nlohmann::json::parse(
            read_file(store_.get(), layout::session_dir(session) + "/" + layout::kSessionInfo, 1 << 16));
        auto const where = info.value("what", "");
        if (std::find(live.begin(), live.end(), where) != live.end()) visit(session, where);
      } catch (std::exception const&) {
        // It ends meanwhile, or is not ours to read.
      }
    });
  }

  /// Only below their mount point: before it, the shell's own names of files lead there.
  void add_images(bool pinned) {
    for_each_mounted([&](std::string const& session, std::string const& where) {
      if (prefix_.rfind(where + "/", 0) != 0 && !pinned) return;
      auto const root = layout::session_images(session);
      cache::for_each_image(store_.get(), root, [&](std::string const& path, std::string const& file) {
        auto const shown = where + "/" + path;
        if (shown.rfind(prefix_, 0) != 0) return;
        if (!pinned) return add(shown);
        Fd const image =
            open_at_if_exists(store_.get(), root + "/" + file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        if (image && cache::read_pin(image.get())) add(shown);
      });
    });
  }

  /// Of the image that the line names: the last word that is a path in a mount.
  void add_snapshots() {
    for_each_mounted([&](std::string const& session, std::string const& where) {
      for (auto const& word : words_) {
        auto const path = std::filesystem::absolute(with_home(word)).lexically_normal();
        auto const below = path.lexically_relative(where).string();
        auto const capacity_end = below.find('/', below.find('/') + 1);
        if (below.starts_with(".") || capacity_end == std::string::npos) continue;
        auto const directory = layout::session_image(session, below.substr(0, capacity_end)) + "/" +
                               fusefs::kSnapshots + below.substr(capacity_end);
        if (open_at_if_exists(store_.get(), directory, O_RDONLY | O_DIRECTORY))
          for_each_entry(store_.get(), directory, [&](std::string const& name) {
            if (name.front() != '.') add(name);
          });
      }
    });
  }

  std::string const prefix_;
  std::vector<std::string> const& words_;
  Config config_;
  Fd store_;
  std::set<std::string> found_;
};

}  // namespace

std::vector<std::string> completion_words(std::string_view what, std::string const& prefix,
                                          std::vector<std::string> const& words) {
  Words found(prefix, words);
  for (std::size_t at = 0; at != std::string_view::npos && at <= what.size();) {
    auto const comma = what.find(',', at);
    found.add(what.substr(at, comma == std::string_view::npos ? comma : comma - at));
    at = comma == std::string_view::npos ? comma : comma + 1;
  }
  return found.take();
}

int complete(std::vector<std::string> const& arguments) {
  ::alarm(kLongestSeconds);
  log_to_nowhere();
  try {
    auto const separator = std::find(arguments.begin(), arguments.end(), "--");
    std::vector<std::string> const own(arguments.begin(), separator);
    std::vector<std::string> const words(separator == arguments.end() ? separator : separator + 1,
                                         arguments.end());
    if (own.empty()) return 0;
    for (auto const& word : completion_words(own[0], own.size() > 1 ? own[1] : "", words))
      std::printf("%s\n", word.c_str());
  } catch (std::exception const&) {
    // A shell has no use for the reason.
  }
  return 0;
}

}  // namespace templatefs::cli

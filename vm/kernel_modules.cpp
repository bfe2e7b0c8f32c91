// SPDX-License-Identifier: Apache-2.0
#include "vm/kernel_modules.h"

#include "base/error.h"

#include <cerrno>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>

#include <libkmod.h>

namespace templatefs::vm {

namespace {

struct FreeContext {
  void operator()(kmod_ctx* context) const { kmod_unref(context); }
};
struct FreeList {
  void operator()(kmod_list* list) const { kmod_module_unref_list(list); }
};
struct FreeModule {
  void operator()(kmod_module* module) const { kmod_module_unref(module); }
};
using ModuleList = std::unique_ptr<kmod_list, FreeList>;
using Module = std::unique_ptr<kmod_module, FreeModule>;

using Wishes = std::map<std::string, std::vector<std::string>, std::less<>>;

/// What each module wants to find loaded before it. libkmod takes one line of a module's only, and btrfs has
/// one for each of its checksums.
Wishes read_soft_dependencies(std::string const& directory) {
  Wishes out;
  std::ifstream lines(directory + "/modules.softdep");
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word, module, kind;
    if (!(words >> word >> module) || word != "softdep") continue;
    while (words >> word) {
      if (word == "pre:" || word == "post:")
        kind = word;
      else if (kind == "pre:")
        out[module].push_back(word);
    }
  }
  return out;
}

/// Walks the dependency graph depth first, so that a module comes after all that it needs.
class Walk {
 public:
  explicit Walk(std::string const& directory) : wanted_before_(read_soft_dependencies(directory)) {
    static char const* const no_configuration[] = {nullptr};
    context_.reset(kmod_new(directory.c_str(), no_configuration));
    if (!context_) throw Error(ENOMEM, "read the module lists in " + directory);
    if (int const failed = kmod_load_resources(context_.get()); failed < 0)
      throw Error(ENOPKG, "read the module lists in " + directory, "Run depmod, or reinstall that kernel");
  }

  /// False where the kernel has no such driver.
  bool add_driver(std::string const& name, bool required) {
    kmod_list* raw = nullptr;
    if (kmod_module_new_from_lookup(context_.get(), name.c_str(), &raw) < 0) return false;
    ModuleList const found(raw);
    bool any = false;
    kmod_list* item = nullptr;
    kmod_list_foreach(item, found.get()) any = add(item, required) || any;
    return any;
  }

  std::vector<KernelModule> take() {
    std::vector<KernelModule> out;
    for (auto const& path : order_) out.push_back({path, required_[path]});
    return out;
  }

 private:
  bool add(kmod_list* item, bool required) {
    Module const module(kmod_module_get_module(item));
    char const* const path = kmod_module_get_path(module.get());
    if (path == nullptr) return kmod_module_get_initstate(module.get()) == KMOD_MODULE_BUILTIN;
    auto const [known, is_new] = required_.emplace(path, required);
    // Seen before, and no more needed than then: its dependencies were walked. This also ends cycles.
    if (!is_new && (known->second || !required)) return true;
    known->second = required;

    // Nobody answers the guest's kernel when it asks for one of these later.
    for (auto const& name : wanted_before_[kmod_module_get_name(module.get())]) (void)add_driver(name, false);
    ModuleList const hard(kmod_module_get_dependencies(module.get()));
    kmod_list* dependency = nullptr;
    kmod_list_foreach(dependency, hard.get()) add(dependency, required);
    if (is_new) order_.emplace_back(path);
    return true;
  }

  std::unique_ptr<kmod_ctx, FreeContext> context_;
  std::vector<std::string> order_;
  std::map<std::string, bool> required_;
  Wishes wanted_before_;
};

}  // namespace

std::vector<std::string> const& guest_drivers() {
  static std::vector<std::string> const names{"virtio_mmio", "virtio_console", "virtio_blk"};
  return names;
}

std::vector<KernelModule> find_modules(std::string const& directory, std::vector<std::string> const& needed,
                                       std::vector<std::string> const& wanted) {
  Walk walk(directory);
  for (auto const& name : needed)
    if (!walk.add_driver(name, true))
      throw Error(ENOPKG, "the kernel of " + directory + " has no driver " + name,
                  "Install linux-image-cloud-amd64, or name another kernel with --kernel");
  for (auto const& name : wanted) (void)walk.add_driver(name, true);
  return walk.take();
}

}  // namespace templatefs::vm

// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "fusefs/filesystem.h"
#include "fusefs/image_facts.h"
#include "fusefs/operations.h"
#include "fusefs/pinning.h"
#include "fusefs/security_labels.h"
#include "fusefs/snapshots.h"

#include <optional>
#include <string>

namespace templatefs::fusefs {

namespace {

struct Subject {
  std::string path;
  bool is_image = false;
  bool is_open = false;
  bool passes_through = false;
  std::string_view state;  // of an image
  std::string made_from;   // a template's key
};

std::string_view state_of(ImageNode const& image) {
  if (image.writers > 0) return "open for writing";
  if (image.open) return "open";
  return image.exists ? "idle" : "name";
}

std::optional<std::string> value_of(Filesystem& fs, fuse_ino_t number, Subject const& subject,
                                    std::string_view name) {
  constexpr std::string_view kPrefix = "user.templatefs.";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  if (name == "error") {
    auto const record = fs.errors.find(subject.path);
    return record ? std::optional(to_line(*record)) : std::nullopt;
  }
  if (name == "fanout") return std::string(cache::rung_name(fs.cache.rung()));
  if (name == "passthrough")
    return (subject.is_open ? subject.passes_through : fs.connection.passthrough()) ? "yes" : "no";
  if (name == "state" && subject.is_image) return std::string(subject.state);
  if (name == "template" && !subject.made_from.empty()) return subject.made_from;
  return image_fact(fs, number, name);
}

/// Those that take a look at the store.
std::optional<std::string> special_value(Filesystem& fs, fuse_ino_t number, Subject const& subject,
                                         std::string_view name) {
  if (name == kKeepAttribute) return reason_of_pin(fs, number);
  if (is_security_label(name)) return security_label(fs, number, name);
  if (name != "user.templatefs.snapshots") return value_of(fs, number, subject, name);
  if (!subject.is_image || subject.state == "name") return std::nullopt;
  std::string lines;
  for (auto const& each : snapshots_of(fs, number)) lines += each + "\n";
  return lines;
}

/// Security modules' labels, capabilities and ACLs: no file here has any or ever will. `ls -l` asks for two
/// of them for each file, and no more once it was told that there is no such thing.
bool is_of_unsupported_kind(std::string_view name) {
  return name.starts_with("security.") || name.starts_with("system.");
}

}  // namespace

/// Answered and never listed, so that copies of an image carry none of it along.
void op_getxattr(fuse_req_t req, fuse_ino_t number, char const* name, std::size_t size) {
  answer(req, [&](Request& request) {
    if (is_of_unsupported_kind(name)) return request.error(EOPNOTSUPP);
    auto& fs = Filesystem::of(request);
    Subject subject;
    fs.nodes.with([&](NodeTable& nodes) {
      Node const* const node = nodes.find(number);
      if (node == nullptr) return;
      subject.path = NodeTable::path(*node);
      if (node->kind != NodeKind::image) return;
      auto const& image = static_cast<ImageNode const&>(*node);
      subject.is_image = true;
      subject.is_open = image.open != nullptr;
      subject.passes_through = image.open && image.open->backing_id() != 0;
      subject.state = state_of(image);
      if (image.made_from != nullptr) subject.made_from = *image.made_from;
    });
    auto const value = special_value(fs, number, subject, name);
    if (!value) return request.error(ENODATA);
    if (size == 0) return request.xattr_size(value->size());
    if (value->size() > size) return request.error(ERANGE);
    request.bytes(*value);
  });
}

void op_listxattr(fuse_req_t req, fuse_ino_t, std::size_t size) {
  answer(req, [&](Request& request) { size == 0 ? request.xattr_size(0) : request.bytes({}); });
}

}  // namespace templatefs::fusefs

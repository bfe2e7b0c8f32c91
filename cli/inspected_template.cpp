// SPDX-License-Identifier: Apache-2.0
#include "cli/inspected_template.h"

#include "base/capacity.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/layout.h"
#include "cli/report_text.h"

namespace templatefs::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kInputWidth = 22;

std::string plain(Json const& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string phases_text(vm::BuildReport const& report) {
  std::string out;
  for (auto const& [phase, seconds] : report.phases)
    out += format("{}{} {:.0f} ms", out.empty() ? "" : ", ", phase, seconds * 1000);
  return out;
}

/// A digest does not fit beside its field's name.
std::string input_line(std::string const& field, std::string const& value) {
  if (kInputWidth + 4 + value.size() <= 80) return labelled("  " + field, value, kInputWidth);
  return "    " + field + "\n" + labelled("", value, 2);
}

std::string manifest_text(cache::Manifest const& manifest) {
  std::string out;
  auto const line = [&](std::string_view label, std::string const& text) {
    if (!text.empty()) out += labelled(label, text);
  };
  auto const& report = manifest.report;
  line("recipe", manifest.recipe);
  line("filesystem", manifest.filesystem);
  line("built", format("{} in {} ms{}{}", rfc3339(manifest.built_at_ms), manifest.build_ms,
                       report.accelerator.empty() ? "" : ", accelerator ", report.accelerator));
  line("phases", phases_text(report));
  line("formatter", report.formatter);
  line("kernel", report.kernel);
  line("mounted", report.mounted ? "yes" : "no: " + report.not_mounted);
  line("content", manifest.content_sha256.empty() ? "no digest is known" : "SHA-256 of what is not zero:");
  if (!manifest.content_sha256.empty()) out += labelled("", manifest.content_sha256, 2);
  if (manifest.lineage.empty()) return out;
  auto const lineage = Json::parse(manifest.lineage);
  for (auto const& [field, value] : lineage.items()) line(field, plain(value));
  return out;
}

}  // namespace

InspectedTemplate inspect_template(cache::Store const& store, std::string const& key) {
  namespace layout = cache::layout;
  InspectedTemplate out;
  out.entry = cache::look_at_template(store.dir(), key);
  out.directory = store.path() + "/" + layout::template_dir(key);
  out.use = use_of_template(store, key);
  return out;
}

Json InspectedTemplate::to_json() const {
  Json out = template_json(entry);
  if (entry.manifest) {
    auto const& manifest = *entry.manifest;
    Json phases = Json::object();
    for (auto const& [phase, seconds] : manifest.report.phases) phases[phase] = seconds;
    Json inputs = Json::object();
    for (auto const& [field, value] : manifest.fields) inputs[field] = value;
    out["mounted"] = manifest.report.mounted;
    out["not_mounted"] = manifest.report.not_mounted;
    out["phase_seconds"] = phases;
    out["content_sha256"] = manifest.content_sha256;
    out["inputs"] = inputs;
  }
  add_use(out, use);
  out["directory"] = directory;
  return out;
}

std::string InspectedTemplate::to_text() const {
  std::string out = entry.key + "\n";
  auto const line = [&](std::string_view label, std::string const& text) {
    if (!text.empty()) out += labelled(label, text);
  };
  line("problem", entry.problem);
  if (entry.manifest) out += manifest_text(*entry.manifest);
  line("capacity", human_size(entry.capacity_bytes));
  auto const& usage = use.usage;
  line("takes", usage ? format("{}: {} of its own, {} shared", human_size(usage->exclusive + usage->shared),
                               human_size(usage->exclusive), human_size(usage->shared))
                      : human_size(entry.allocated_bytes));
  if (use.used_at_ms >= 0) line("last used", rfc3339(use.used_at_ms));
  for (auto const& name : entry.names) line("name", name);
  for (auto const& user : entry.users) line("used by", format("pid {}: {}", user.pid, user.command));
  line("directory", directory);
  if (!entry.manifest || entry.manifest->fields.empty()) return out;
  out += "  inputs of the key\n";
  for (auto const& [field, value] : entry.manifest->fields) out += input_line(field, value);
  return out;
}

}  // namespace templatefs::cli

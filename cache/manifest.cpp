// SPDX-License-Identifier: Apache-2.0
#include "cache/manifest.h"

#include "base/error.h"
#include "base/files.h"

#include <cerrno>

#include <nlohmann/json.hpp>

namespace templatefs::cache {

using Json = nlohmann::ordered_json;

namespace {

/// What content_sha256 is computed over (base/content_digest.h). Another form, or none, is not compared with.
constexpr char kContentForm[] = "nonzero-64KiB-blocks";

}  // namespace

std::string Manifest::to_json() const {
  Json inputs = Json::object();
  for (auto const& [field, value] : fields) inputs[field] = value;
  Json phases = Json::object();
  for (auto const& [phase, seconds] : report.phases) phases[phase] = seconds;
  Json document = {
      {"schema", "templatefs.manifest/1"},
      {"key", key},
      {"recipe", recipe},
      {"filesystem", filesystem},
      {"capacity_bytes", capacity_bytes},
      {"allocated_bytes", allocated_bytes},
      {"content_sha256", content_sha256},
      {"content_form", kContentForm},
      {"built_at", rfc3339(built_at_ms)},
      {"built_at_ms", built_at_ms},
      {"build_ms", build_ms},
      {"accelerator", report.accelerator},
      {"kernel", report.kernel},
      {"formatter", report.formatter},
      {"mounted", report.mounted},
      {"not_mounted", report.not_mounted},
      {"phase_seconds", phases},
      {"inputs", inputs},
  };
  if (!lineage.empty()) document["lineage"] = Json::parse(lineage);
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Manifest Manifest::from_json(std::string const& text) {
  try {
    Json const document = Json::parse(text);
    Manifest manifest;
    document.at("key").get_to(manifest.key);
    document.at("recipe").get_to(manifest.recipe);
    document.at("filesystem").get_to(manifest.filesystem);
    document.at("capacity_bytes").get_to(manifest.capacity_bytes);
    document.at("allocated_bytes").get_to(manifest.allocated_bytes);
    if (document.value("content_form", "") == kContentForm)
      document.at("content_sha256").get_to(manifest.content_sha256);
    document.at("built_at_ms").get_to(manifest.built_at_ms);
    document.at("build_ms").get_to(manifest.build_ms);
    document.at("accelerator").get_to(manifest.report.accelerator);
    document.at("kernel").get_to(manifest.report.kernel);
    document.at("formatter").get_to(manifest.report.formatter);
    document.at("mounted").get_to(manifest.report.mounted);
    manifest.report.not_mounted = document.value("not_mounted", "");
    for (auto const& [phase, seconds] : document.at("phase_seconds").items())
      manifest.report.phases.emplace_back(phase, seconds.get<double>());
    for (auto const& [field, value] : document.at("inputs").items())
      manifest.fields.push_back({field, value.get<std::string>()});
    if (document.contains("lineage")) manifest.lineage = document["lineage"].dump();
    return manifest;
  } catch (Json::exception const& error) {
    throw Error(EBADMSG, std::string("read a manifest: ") + error.what());
  }
}

}  // namespace templatefs::cache

// SPDX-License-Identifier: Apache-2.0
#include "cache/manifest.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/files.h"
#include "cache/layout.h"

#include <cerrno>

#include <nlohmann/json.hpp>

#include <unistd.h>

namespace templatefs::cache {

using Json = nlohmann::ordered_json;

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

std::string content_sha256(int fd, std::int64_t bytes) {
  Sha256 sum;
  sum.update("size " + std::to_string(bytes) + "\n");
  std::vector<char> buffer(1 << 18);
  for_each_data_range(fd, bytes, [&](std::int64_t offset, std::int64_t length) {
    sum.update("data " + std::to_string(offset) + " " + std::to_string(length) + "\n");
    while (length > 0) {
      auto const want = std::min<std::int64_t>(length, static_cast<std::int64_t>(buffer.size()));
      auto const got =
          check(::pread(fd, buffer.data(), static_cast<std::size_t>(want), offset), "read", "a template");
      if (got == 0) throw Error(EIO, "read a template: it is shorter than its data");
      sum.update({buffer.data(), static_cast<std::size_t>(got)});
      offset += got;
      length -= got;
    }
  });
  return sum.finish();
}

}  // namespace templatefs::cache

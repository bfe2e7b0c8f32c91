// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// The one place that knows the names of lasting state in a store. All paths are relative to the store's
// directory unless a function says otherwise. Nothing here touches the disk.
namespace templatefs::cache::layout {

inline constexpr int kFormatVersion = 1;
inline constexpr char kFormatFile[] = "FORMAT";
inline constexpr char kCacheTagFile[] = "CACHEDIR.TAG";
inline constexpr char kLogFile[] = "templatefs.log";
inline constexpr char kLocks[] = "locks";
inline constexpr char kTemplates[] = "templates";
inline constexpr char kSessions[] = "sessions";
inline constexpr char kFailures[] = "failures";
inline constexpr char kRecipes[] = "recipes";
inline constexpr char kGuests[] = "guests";
inline constexpr char kQuarantine[] = "quarantine";
inline constexpr char kPinned[] = "pinned";

/// Names of images and sets: pinned/ and a session's images/ hold them as the mount shows them.
inline constexpr std::string_view kImageSuffix = ".img";
inline constexpr std::string_view kSetSuffix = ".d";
inline constexpr std::size_t kLongestId = 200;  // bytes

/// Beside the recipes of a session's images/: images made ahead of their open; no recipe begins with a dot.
inline constexpr char kSpares[] = ".spares";
/// What those of them that are images already are to be called.
inline constexpr char kLateNames[] = ".late-names";

/// Names inside templates/<key>/.
inline constexpr char kImage[] = "template.img";
inline constexpr char kManifest[] = "manifest.json";
inline constexpr char kBuildLog[] = "build.log";

/// Beside these in quarantine/<key>-<time>-<random>/: what was found wrong.
inline constexpr char kReason[] = "reason.txt";

/// Names inside sessions/<session>/.
inline constexpr char kSessionLock[] = "lock";
inline constexpr char kSessionInfo[] = "session.json";
inline constexpr char kStaging[] = "staging";
inline constexpr char kImages[] = "images";
inline constexpr char kHasPins[] = "has-pins";

inline std::string format_text() {
  return "templatefs store " + std::to_string(kFormatVersion) + "\n";
}
inline std::string key_lock(std::string const& key) {
  return std::string(kLocks) + "/" + key + ".lock";
}
inline std::string template_dir(std::string const& key) {
  return std::string(kTemplates) + "/" + key;
}
inline std::string template_image(std::string const& key) {
  return template_dir(key) + "/" + kImage;
}
inline std::string template_manifest(std::string const& key) {
  return template_dir(key) + "/" + kManifest;
}
inline std::string quarantined(std::string const& name) {
  return std::string(kQuarantine) + "/" + name;
}
inline std::string failure_record(std::string const& key) {
  return std::string(kFailures) + "/" + key + ".json";
}
inline std::string failure_log(std::string const& key) {
  return std::string(kFailures) + "/" + key + ".log";
}
inline std::string stored_recipe(std::string const& name) {
  return std::string(kRecipes) + "/" + name + ".json";
}
inline std::string session_dir(std::string const& session) {
  return std::string(kSessions) + "/" + session;
}
inline std::string session_images(std::string const& session) {
  return session_dir(session) + "/" + kImages;
}
/// `below` is the image's path in its mount.
inline std::string session_image(std::string const& session, std::string const& below) {
  return session_images(session) + "/" + below;
}
inline std::string session_staging(std::string const& session) {
  return session_dir(session) + "/" + kStaging;
}
inline std::string session_has_pins(std::string const& session) {
  return session_dir(session) + "/" + kHasPins;
}
inline std::string pinned(std::string const& below) {
  return std::string(kPinned) + "/" + below;
}
inline std::string pins_lock() {
  return std::string(kLocks) + "/pinned.lock";
}
inline constexpr char kGivenUp[] = ".bad";
inline std::string saved_guest(std::string const& name) {
  return std::string(kGuests) + "/" + name;
}
inline std::string given_up_guest(std::string const& name) {
  return saved_guest(name) + kGivenUp;
}
/// For all saved guests with that formatter: their names change, and lock files stay.
inline std::string guests_lock(std::string const& formatter) {
  return std::string(kLocks) + "/guest-" + formatter + ".lock";
}
inline std::string accelerator_memory() {
  return "accelerator.json";
}
inline std::string accelerator_lock() {
  return std::string(kLocks) + "/accelerator.lock";
}

/// The sparse file that holds a store of our own, beside the store's directory, which is then its mount
/// point. Absolute when `store_path` is.
inline std::string loop_file(std::string const& store_path) {
  return store_path + ".img";
}

}  // namespace templatefs::cache::layout

# SPDX-License-Identifier: Apache-2.0
# What a user sees of a mount: names, data, owners, errors, start and end, and the commands on a store in use.
add_library(templatefs_mount_support STATIC
  file_calls.cpp
  mounted_store.cpp)
target_link_libraries(templatefs_mount_support
  PUBLIC templatefs_test_support nlohmann_json::nlohmann_json
  PRIVATE templatefs_warnings)

templatefs_test(test_mount_names LABELS mount LIBRARIES templatefs_mount_support SOURCES
  hostile_names_test.cpp
  image_names_test.cpp
  quiet_looks_test.cpp)
templatefs_test(test_mount_sets LABELS mount concurrency LIBRARIES templatefs_mount_support SOURCES
  sets_owner_test.cpp
  sets_test.cpp)
templatefs_test(test_mount_auto LABELS mount LIBRARIES templatefs_mount_support SOURCES
  auto_link_test.cpp)
templatefs_test(test_mount_seeds LABELS vm TIMEOUT 300 LIBRARIES templatefs_mount_support SOURCES
  ../vm/seed_fixture.cpp
  ../vm/support.cpp
  seeds_test.cpp)
templatefs_test(test_mount_ownership LABELS mount LIBRARIES templatefs_mount_support SOURCES
  ownership_test.cpp
  quota_test.cpp)
templatefs_test(test_mount_io LABELS mount LIBRARIES templatefs_mount_support SOURCES
  data_path_test.cpp
  image_life_test.cpp
  locks_test.cpp
  parity_test.cpp
  shared_data_test.cpp)
templatefs_test(test_mount_stored LABELS mount LIBRARIES templatefs_mount_support SOURCES
  bake_test.cpp
  import_test.cpp
  save_test.cpp)
templatefs_test(test_mount_errors LABELS mount LIBRARIES templatefs_mount_support SOURCES
  failed_opens_test.cpp)
templatefs_test(test_mount_life LABELS mount LIBRARIES templatefs_mount_support SOURCES
  end_test.cpp
  log_test.cpp
  reload_test.cpp
  run_test.cpp
  service_test.cpp
  start_test.cpp)
templatefs_test(test_mount_pins LABELS mount LIBRARIES templatefs_mount_support SOURCES
  late_naming_test.cpp
  pin_test.cpp
  snapshot_test.cpp)
templatefs_test(test_mount_commands LABELS mount TIMEOUT 300 LIBRARIES templatefs_mount_support SOURCES
  commands_test.cpp
  fan_out_mount_test.cpp
  gc_command_test.cpp
  recipes_test.cpp
  verify_command_test.cpp)
templatefs_test(test_mount_doctor LABELS mount TIMEOUT 300 LIBRARIES templatefs_mount_support SOURCES
  doctor_cases.cpp
  doctor_test.cpp)
set_source_files_properties(doctor_test.cpp schemas_test.cpp PROPERTIES
  COMPILE_DEFINITIONS TEMPLATEFS_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
templatefs_test(test_mount_terminal LABELS mount TIMEOUT 240 LIBRARIES templatefs_mount_support SOURCES
  terminal_test.cpp
  tmux_terminal.cpp)
templatefs_test(test_mount_inspection LABELS mount TIMEOUT 300 LIBRARIES templatefs_mount_support SOURCES
  inspection_test.cpp
  schemas_test.cpp
  status_command_test.cpp
  watch_command_test.cpp)

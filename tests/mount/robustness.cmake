# SPDX-License-Identifier: Apache-2.0
# What must hold when much happens at once, when things are killed, full or missing, and under real machines.
add_library(templatefs_test_robustness STATIC
  fault_injection.cpp
  observe.cpp
  robustness_fixture.cpp
  verify_store.cpp)
if(TEMPLATEFS_SANITIZE)
  target_compile_definitions(templatefs_test_robustness PUBLIC TEMPLATEFS_TEST_SANITIZED=true)
else()
  target_compile_definitions(templatefs_test_robustness PUBLIC TEMPLATEFS_TEST_SANITIZED=false)
endif()
target_link_libraries(templatefs_test_robustness
  PUBLIC templatefs_test_support templatefs_cache nlohmann_json::nlohmann_json
  PRIVATE templatefs_warnings)

templatefs_test(test_mount_stampede LABELS mount concurrency TIMEOUT 240 LIBRARIES templatefs_test_robustness
  SOURCES interrupt_test.cpp stampede_failure_test.cpp stampede_test.cpp
  task_work_test.cpp)
templatefs_test(test_mount_crash LABELS mount TIMEOUT 600 LIBRARIES templatefs_test_robustness
  SOURCES crash_point_test.cpp crash_random_test.cpp fault_test.cpp)
templatefs_test(test_mount_races LABELS mount TIMEOUT 240 LIBRARIES templatefs_test_robustness
  SOURCES race_test.cpp)
templatefs_test(test_mount_full LABELS mount TIMEOUT 240 LIBRARIES templatefs_test_robustness
  SOURCES full_store_test.cpp guest_trouble_test.cpp)
templatefs_test(test_mount_leaks LABELS mount TIMEOUT 300 LIBRARIES templatefs_test_robustness
  SOURCES leak_test.cpp many_images_test.cpp)
templatefs_test(test_mount_unprivileged LABELS mount TIMEOUT 120 LIBRARIES templatefs_test_robustness
  SOURCES unprivileged_daemon.cpp unprivileged_test.cpp)
templatefs_test(test_vm_on_path LABELS vm TIMEOUT 240 LIBRARIES templatefs_test_robustness
  SOURCES small_vm.cpp vm_disk_test.cpp vm_lock_test.cpp)

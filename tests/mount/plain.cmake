# SPDX-License-Identifier: Apache-2.0
# The filesystem as -D TEMPLATEFS_PASSTHROUGH=OFF builds it: against the system's libfuse where that has its headers and
# is 3.14 or newer, else against the one that all else is built with.
add_library(templatefs_libfuse_plain INTERFACE)
target_compile_definitions(templatefs_libfuse_plain INTERFACE TEMPLATEFS_PASSTHROUGH=0)
pkg_check_modules(FUSE3_PLAIN QUIET IMPORTED_TARGET fuse3>=3.14)
if(FUSE3_PLAIN_FOUND)
  message(STATUS "without passthrough: libfuse ${FUSE3_PLAIN_VERSION}, of the system")
  target_link_libraries(templatefs_libfuse_plain INTERFACE PkgConfig::FUSE3_PLAIN)
else()
  message(STATUS "without passthrough: the same libfuse, as the system has no libfuse3-dev from 3.14 on")
  target_include_directories(templatefs_libfuse_plain SYSTEM INTERFACE
    $<TARGET_PROPERTY:templatefs_libfuse,INTERFACE_INCLUDE_DIRECTORIES>)
  target_link_libraries(templatefs_libfuse_plain INTERFACE
    $<TARGET_PROPERTY:templatefs_libfuse,INTERFACE_LINK_LIBRARIES>)
endif()

get_target_property(fusefs_sources templatefs_fusefs SOURCES)
list(TRANSFORM fusefs_sources PREPEND ${PROJECT_SOURCE_DIR}/fusefs/)
add_library(templatefs_fusefs_plain STATIC ${fusefs_sources})
# It is there to be linked to, not to be looked at file by file.
set_target_properties(templatefs_fusefs_plain PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 16)
# Not templatefs_fusefs's own list: the other libfuse's headers are on it.
target_include_directories(templatefs_fusefs_plain PUBLIC ${CMAKE_BINARY_DIR}/fusefs/include)
target_link_libraries(templatefs_fusefs_plain
  PUBLIC templatefs_cache templatefs_libfuse_plain Boost::headers
  PRIVATE templatefs_warnings nlohmann_json::nlohmann_json)

templatefs_test(test_mount_plain LABELS mount
  LIBRARIES templatefs_mount_support templatefs_fusefs_plain SOURCES plain_test.cpp)

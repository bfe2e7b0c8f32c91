# SPDX-License-Identifier: Apache-2.0
# Defines templatefs_libfuse: the system's libfuse where it is 3.17 or newer, else a static one below FUSE3_ROOT.
# Without passthrough the system's does from 3.14 on.
option(TEMPLATEFS_PASSTHROUGH "Reads and writes go straight to the store; takes libfuse 3.17" ON)
find_package(PkgConfig REQUIRED)
add_library(templatefs_libfuse INTERFACE)
target_compile_definitions(templatefs_libfuse INTERFACE TEMPLATEFS_PASSTHROUGH=$<BOOL:${TEMPLATEFS_PASSTHROUGH}>)
if(TEMPLATEFS_PASSTHROUGH)
  pkg_check_modules(FUSE3 QUIET IMPORTED_TARGET fuse3>=3.17)
else()
  pkg_check_modules(FUSE3 REQUIRED IMPORTED_TARGET fuse3>=3.14)
endif()
if(FUSE3_FOUND)
  target_link_libraries(templatefs_libfuse INTERFACE PkgConfig::FUSE3)
  message(STATUS "libfuse ${FUSE3_VERSION}, the system's")
else()
  find_library(FUSE3_STATIC NAMES libfuse3.a PATHS ${FUSE3_ROOT} PATH_SUFFIXES lib lib/x86_64-linux-gnu
               lib/${CMAKE_LIBRARY_ARCHITECTURE} NO_DEFAULT_PATH)
  find_path(FUSE3_INCLUDE NAMES fuse3/fuse_lowlevel.h PATHS ${FUSE3_ROOT} PATH_SUFFIXES include NO_DEFAULT_PATH)
  if(NOT FUSE3_STATIC OR NOT FUSE3_INCLUDE)
    message(FATAL_ERROR "libfuse 3.17 or newer is needed and neither the system nor ${FUSE3_ROOT} has it.\n"
                        "Run scripts/build-libfuse, or point -DFUSE3_ROOT= at a prefix that holds one, or set "
                        "-DTEMPLATEFS_PASSTHROUGH=OFF to do without passthrough on 3.14 or newer.")
  endif()
  target_include_directories(templatefs_libfuse SYSTEM INTERFACE ${FUSE3_INCLUDE} ${FUSE3_INCLUDE}/fuse3)
  target_link_libraries(templatefs_libfuse INTERFACE ${FUSE3_STATIC} Threads::Threads ${CMAKE_DL_LIBS} rt)
  message(STATUS "libfuse from ${FUSE3_ROOT}, static")
endif()

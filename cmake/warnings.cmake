# SPDX-License-Identifier: Apache-2.0
# templatefs_warnings: the flags every target of ours is compiled with.
add_library(templatefs_warnings INTERFACE)
target_compile_options(templatefs_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
  $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>
  $<$<BOOL:${TEMPLATEFS_WERROR}>:-Werror>)

# SPDX-License-Identifier: Apache-2.0
# Run by cpack before it packs: all manual pages and changelogs, with gzip -9n.
set(staged ${CPACK_TEMPORARY_INSTALL_DIRECTORY})
file(GLOB_RECURSE documents ${staged}/*.[0-9] ${staged}/changelog ${staged}/changelog.Debian)
list(FILTER documents INCLUDE REGEX "/(man/.*man[0-9]|doc/templatefs)/[^/]*$")
foreach(document ${documents})
  execute_process(COMMAND gzip -9n ${document} COMMAND_ERROR_IS_FATAL ANY)
endforeach()

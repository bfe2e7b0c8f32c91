# SPDX-License-Identifier: Apache-2.0
if(TEMPLATEFS_SANITIZE)
  add_compile_options($<$<COMPILE_LANGUAGE:C,CXX>:-fsanitize=${TEMPLATEFS_SANITIZE}>
                      $<$<COMPILE_LANGUAGE:C,CXX>:-fno-omit-frame-pointer>
                      $<$<COMPILE_LANGUAGE:C,CXX>:-fno-sanitize-recover=all>)
  # Half of -O2's time to compile, and the sanitizers see more of what was written.
  string(REPLACE "-O2" "-O1" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
  add_link_options(-fsanitize=${TEMPLATEFS_SANITIZE})
  if(TEMPLATEFS_SANITIZE MATCHES thread)
    # GCC warns that tsan does not model fences; none of our code uses one, Boost's headers mention them.
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-tsan>)
  endif()
endif()

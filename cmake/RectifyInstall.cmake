# Installs the library, its public headers, the files that find_package and pkg-config need, and rectify-bench if it is built.
# No installed file contains the path of the prefix, so a prefix may be moved, and DESTDIR works.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(rectify_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/rectify)

install(TARGETS rectify rectify_headers EXPORT rectifyTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT rectify_development
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT rectify_library NAMELINK_COMPONENT rectify_development
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT rectify_library
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# Including detail/, which public headers include.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/rectify DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT rectify_development
  FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h")
install(EXPORT rectifyTargets NAMESPACE rectify:: DESTINATION ${rectify_package_dir} COMPONENT rectify_development)

# A program that links the static library must also link its dependencies; a shared library is already linked with them.
# rectify.pc lists them under Libs and not under Libs.private, because the static library is useless without them and not
# everyone passes --static.
get_target_property(rectify_type rectify TYPE)
set(rectify_dependencies "")
set(rectify_pc_libs "")
if(rectify_type STREQUAL "STATIC_LIBRARY")
  set(rectify_pc_libs ${rectify_in_a_library})  # without effect in a program
  string(APPEND rectify_dependencies [=[
if(NOT CMAKE_CXX_COMPILER_LOADED)
  set(rectify_FOUND FALSE)
  set(rectify_NOT_FOUND_MESSAGE "this rectify is static and must be linked as C++: enable language CXX, or use a shared one")
  return()
endif()
find_dependency(OpenMP COMPONENTS CXX)
]=])
  foreach(name IN LISTS OpenMP_CXX_LIB_NAMES)
    list(APPEND rectify_pc_libs -l${name})
  endforeach()
  if(RECTIFY_WITH_CUDA)
    string(APPEND rectify_dependencies "find_dependency(CUDAToolkit)\n")
    get_target_property(cudart CUDA::${rectify_cudart} IMPORTED_LOCATION)
    cmake_path(GET cudart PARENT_PATH cudart_dir)
    list(APPEND rectify_pc_libs -L${cudart_dir} -l${rectify_cudart} -ldl -lrt -lpthread)
  endif()
  # For programs that are not linked by a C++ compiler.
  foreach(name IN ITEMS stdc++ c++ m)
    if(name IN_LIST CMAKE_CXX_IMPLICIT_LINK_LIBRARIES)
      list(APPEND rectify_pc_libs -l${name})
    endif()
  endforeach()
elseif(rectify_type STREQUAL "SHARED_LIBRARY")
  # A shared CUDA runtime is seldom in a folder that the loader searches.
  set_target_properties(rectify PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
endif()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/rectifyConfig.cmake.in ${PROJECT_BINARY_DIR}/package/rectifyConfig.cmake
  INSTALL_DESTINATION ${rectify_package_dir})
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/rectifyConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/package/rectifyConfig.cmake ${PROJECT_BINARY_DIR}/package/rectifyConfigVersion.cmake
  DESTINATION ${rectify_package_dir} COMPONENT rectify_development)

# rectify.pc gives the prefix relative to its own folder.
set(rectify_pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
  set(rectify_pc_prefix ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH up /${rectify_pc_dir} /)
  string(REGEX REPLACE "/$" "" up "${up}")
  set(rectify_pc_prefix "\${pcfiledir}/${up}")
endif()
cmake_path(APPEND rectify_pc_libdir "\${prefix}" ${CMAKE_INSTALL_LIBDIR})  # an absolute folder stays as it is
cmake_path(APPEND rectify_pc_includedir "\${prefix}" ${CMAKE_INSTALL_INCLUDEDIR})
list(JOIN rectify_pc_libs " " rectify_pc_libs)
configure_file(${CMAKE_CURRENT_LIST_DIR}/rectify.pc.in ${PROJECT_BINARY_DIR}/package/rectify.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/package/rectify.pc DESTINATION ${rectify_pc_dir} COMPONENT rectify_development)

if(TARGET rectify-bench)
  file(RELATIVE_PATH to_lib ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(rectify-bench PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON INSTALL_RPATH "$ORIGIN/${to_lib}")
  if(rectify_type STREQUAL "STATIC_LIBRARY")
    set_target_properties(rectify-bench PROPERTIES INSTALL_RPATH "")
  endif()
  install(TARGETS rectify-bench RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT rectify_bench)
  install(FILES ${PROJECT_SOURCE_DIR}/bench/peers/torch_worker.py ${PROJECT_SOURCE_DIR}/bench/peers/torch_requests.py
    ${PROJECT_SOURCE_DIR}/bench/peers/torch_recipes.py DESTINATION ${CMAKE_INSTALL_DATADIR}/rectify/bench COMPONENT rectify_bench)
endif()

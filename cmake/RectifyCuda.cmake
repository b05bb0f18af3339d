# Decides RECTIFY_WITH_CUDA from RECTIFY_CUDA, and the default architectures. No GPU is needed to build: the architecture is
# never `native`.

set(RECTIFY_WITH_CUDA OFF)
if(RECTIFY_CUDA)  # false for OFF, 0, NO and CMake's other false values
  include(CheckLanguage)
  if(NOT CMAKE_CUDA_COMPILER)
    unset(CMAKE_CUDA_COMPILER CACHE)  # look again: a toolkit may have been installed since
  endif()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(RECTIFY_WITH_CUDA ON)
  elseif(NOT RECTIFY_CUDA MATCHES "^[Aa][Uu][Tt][Oo]$")
    message(FATAL_ERROR "RECTIFY_CUDA is ${RECTIFY_CUDA}, but no CUDA compiler was found; set CUDACXX, or RECTIFY_CUDA=OFF")
  endif()
endif()
message(STATUS "rectify: CUDA backend ${RECTIFY_WITH_CUDA}")

if(RECTIFY_WITH_CUDA)
  # CMake's own default is the oldest architecture that the compiler has. The last entry includes PTX, for newer GPUs.
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
    execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --list-gpu-arch OUTPUT_VARIABLE listed OUTPUT_STRIP_TRAILING_WHITESPACE)
    set(architectures)
    foreach(architecture IN ITEMS 75 80 86 89 90 100 120)
      if(listed MATCHES "compute_${architecture}(\n|$)")
        list(APPEND architectures ${architecture}-real)
      endif()
    endforeach()
    list(POP_BACK architectures newest)
    string(REPLACE "-real" "" newest "${newest}")
    set(CMAKE_CUDA_ARCHITECTURES ${architectures} ${newest})
  endif()
  enable_language(CUDA)
  if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.0)
    message(FATAL_ERROR "rectify: CUDA ${CMAKE_CUDA_COMPILER_VERSION} is too old, 12.0 is needed; RECTIFY_CUDA=OFF omits it")
  endif()
  message(STATUS "rectify: CUDA architectures ${CMAKE_CUDA_ARCHITECTURES}")
endif()

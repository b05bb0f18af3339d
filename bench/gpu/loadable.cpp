// Empty: rectify_loadable takes all its objects from the static library, but a CMake target needs a source.

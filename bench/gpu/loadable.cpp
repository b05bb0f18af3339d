// rectify_loadable has all its objects from the static library; a target needs a source.

# Installs TREE to one prefix, moves it to STAGE/prefix, and checks the files. Consumers are built in STAGE.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE ${STAGE})
execute_process(COMMAND ${CMAKE_COMMAND} -E env DESTDIR=${STAGE}/root ${CMAKE_COMMAND} --install ${TREE} --prefix /opt/rectify
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(RENAME ${STAGE}/root/opt/rectify ${STAGE}/prefix)

set(PREFIX ${STAGE}/prefix)
include(${CMAKE_CURRENT_LIST_DIR}/installed.cmake)

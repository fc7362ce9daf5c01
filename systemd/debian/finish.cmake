# What Debian's policy asks of files, done to the installed ones before they are packed.
# Without them the package would not say what it needs.
find_program(SHLIBDEPS dpkg-shlibdeps REQUIRED)
find_program(FILE_TOOL file REQUIRED)

set(share ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share)
set(doc ${share}/doc/drehkreuz)
file(COPY ${CMAKE_CURRENT_LIST_DIR}/copyright ${CMAKE_CURRENT_LIST_DIR}/changelog DESTINATION ${doc}
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
# The configuration is the administrator's own from the first day: postinst makes it from this one.
# As a conffile it would stop an upgrade with a question whenever both have changed it.
file(MAKE_DIRECTORY ${share}/drehkreuz)
file(RENAME ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/etc/drehkreuz/drehkreuz.conf
    ${share}/drehkreuz/drehkreuz.conf)
file(REMOVE_RECURSE ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/etc)
file(GLOB pages ${share}/man/man*/*)
execute_process(COMMAND gzip -9nf ${pages} ${doc}/changelog COMMAND_ERROR_IS_FATAL ANY)
# Folders made beside the packed ones inherit the umask of whoever packs.
file(GLOB_RECURSE all LIST_DIRECTORIES true ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/*)
foreach(one ${all})
    if(IS_DIRECTORY ${one})
        file(CHMOD ${one} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
            WORLD_READ WORLD_EXECUTE)
    endif()
endforeach()

# The Debian package: cmake --build build --target package
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME drehkreuz)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "Drehkreuz authors <drehkreuz@packages.invalid>" CACHE STRING
    "Name and address of who makes the package")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "TURN and STUN server that keeps nothing about calls")
set(CPACK_PACKAGE_DESCRIPTION "Relays the media of calls whose partners cannot reach each other
directly, for Nextcloud Talk, Jitsi Meet, Matrix and Rocket.Chat: STUN and TURN
over UDP, TCP, TLS and DTLS on one port. It keeps no log, file or figure of who
called whom, tests itself end to end, and takes a new configuration, secret or
certificate into use without ending a call.")
# /etc is outside of the prefix.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Who makes the user and the folder; a container may have the small ones.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers, \
systemd | systemd-standalone-tmpfiles, init-system-helpers (>= 1.52)")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "redis-server (>= 6)")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/postinst
    ${CMAKE_CURRENT_LIST_DIR}/prerm ${CMAKE_CURRENT_LIST_DIR}/postrm)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/finish.cmake)
include(CPack)

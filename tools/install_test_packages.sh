#!/bin/sh
# The Debian packages that the tests need: a display with a game on it, a browser, and a virtual
# machine whose kernel has v4l2loopback; from npm what looks whether the page shuts people out, into
# the environment. Quick where all are installed. Where they cannot be
# installed from here it says what is missing; the tests that need it skip and say so too.
set -eu

kernels_without_camera() {
    for image in /boot/vmlinuz-*; do
        version=${image#/boot/vmlinuz-}
        [ -d "/lib/modules/$version/build" ] || continue # its headers are not installed
        grep -qs /v4l2loopback.ko "/lib/modules/$version/modules.dep" || echo "$version"
    done
}

not_installed() {
    for package in $packages; do
        status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) || status=none
        [ "$status" = "install ok installed" ] || echo "$package"
    done
}

install_axe() {
    [ -d .venv/node/node_modules/axe-core ] || ! command -v npm >/dev/null ||
        npm install --silent --no-audit --no-fund --prefix .venv/node axe-core@4.14.1 ||
        echo "for all tests: npm could not fetch axe-core"
}

packages="xvfb xdotool x11-xserver-utils x11-utils supertux libgl1-mesa-dri
    systemd strace tesseract-ocr qemu-system-x86 v4l2loopback-dkms v4l-utils ffmpeg kmod udev busybox-static"
# for the slow tests of OBS alone: obs-studio, which is large
case $(. /etc/os-release 2>/dev/null && echo "$ID") in
debian) packages="$packages chromium linux-image-amd64 linux-headers-amd64" ;;
ubuntu) packages="$packages chromium-browser linux-image-generic linux-headers-generic" ;;
*)
    echo "for all tests, install what here corresponds to Debian's" $packages chromium
    exit 0
    ;;
esac

command -v npm >/dev/null || packages="$packages npm"
missing=$(not_installed)
if [ "$(id -u)" != 0 ]; then
    [ -z "$missing" ] || echo "for all tests: sudo apt-get install" $missing
    install_axe
    exit 0
fi
if [ -n "$missing" ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq --no-install-recommends $missing
fi
# Where another kernel is running, as in a container, the package may have built for that one only.
for version in $(kernels_without_camera); do
    dkms autoinstall -k "$version"
done
install_axe

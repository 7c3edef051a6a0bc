#!/bin/sh
# newer_module.sh KERNEL FOLDER: builds the v4l2loopback of Debian 13 for that kernel, in that
# folder, as v4l2loopback.ko. It comes from where this machine's packages come from; nothing is
# installed.
set -eu
kernel=$1
cd "$2"

mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
    'Component: main' | head -n 1)
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] $mirror trixie main" >newer.list
mkdir -p lists/partial cache/archives/partial
newer() {
    apt-get -qq -o Dir::Etc::SourceList="$PWD/newer.list" -o Dir::Etc::SourceParts=- \
        -o Dir::State::Lists="$PWD/lists" -o Dir::Cache="$PWD/cache" -o APT::Sandbox::User=root "$@"
}
newer update
newer download v4l2loopback-dkms
dpkg-deb -x v4l2loopback-dkms_*.deb .
make -s -C "/lib/modules/$kernel/build" M="$(echo "$PWD"/usr/src/v4l2loopback-*)" modules
cp usr/src/v4l2loopback-*/v4l2loopback.ko .

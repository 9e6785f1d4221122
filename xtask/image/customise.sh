#!/bin/sh
# Runs once in the fresh root file system ($1) of the stand-in image, before it is packed.
# It gives Debian's Chromium the face of the official Playwright image and takes away
# what must not be in an image: traces of the building machine, set-id bits, caches.
set -eu
root=$1
browsers=$root/ms-playwright

# The official image is not "externally managed" either, and calls its interpreter `python`, too.
rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED
ln -sf python3 "$root/usr/bin/python"
chroot "$root" useradd --create-home --uid 1001 --shell /bin/bash pwuser

# Playwright looks for each browser in a directory named by revision, with a marker when complete.
install_browser() {
    directory=$browsers/$1-@CHROMIUM_REVISION@
    mkdir -p "$directory/chrome-linux"
    ln -s "$3" "$directory/chrome-linux/$2"
    touch "$directory/INSTALLATION_COMPLETE"
    # A broken link would only show when a program launches its browser.
    chroot "$root" test -x "/ms-playwright/$1-@CHROMIUM_REVISION@/chrome-linux/$2" || { echo "the image has no $3" >&2; exit 1; }
}
install_browser chromium chrome /usr/lib/chromium/chromium
install_browser chromium_headless_shell headless_shell /usr/lib/chromium/chromium-headless-shell
printf '{"driverVersion":"%s","dockerImageName":"%s"}' '@PLAYWRIGHT_VERSION@' '@IMAGE@' \
    > "$browsers/.docker-info"
chmod -R a+rX "$browsers"

# Names of the building machine, its mirrors and proxies.
rm -f "$root/etc/resolv.conf" "$root/etc/hostname" "$root"/etc/apt/apt.conf.d/99mmdebstrap
: > "$root/etc/apt/sources.list"
rm -rf "$root"/etc/apt/sources.list.d/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* \
    "$root"/var/cache/ldconfig/* "$root"/var/log/* "$root"/tmp/*
: > "$root/etc/machine-id"

# No program in a sandbox gains a privilege, so no file offers one.
find "$root" -xdev -perm /6000 -exec chmod ug-s {} +
if [ -n "$(find "$root" -xdev -perm /6000 -print -quit)" ]; then
    echo "set-id files are left in the image" >&2
    exit 1
fi

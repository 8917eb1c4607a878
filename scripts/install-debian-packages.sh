#!/bin/sh
# install-debian-packages.sh PROGRAM:PACKAGE …: installs the packages of the programs that are missing.
# Exits with 69 where that is not possible: not root, or no apt-get.
set -eu
PATH=$PATH:/usr/sbin:/sbin

missing=
for pair in "$@"; do
  command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "missing:$missing; as root on Debian: apt-get install -y --no-install-recommends$missing" >&2
  exit 69
fi

# Several test files may find the same package missing at the same time. The one that waited finds it there.
if [ -z "${INSTALL_LOCKED:-}" ]; then
  INSTALL_LOCKED=1 exec flock "${TMPDIR:-/tmp}/install-debian-packages.lock" "$0" "$@"
fi

# Only the programs are wanted: no service may be started.
export DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 RUNLEVEL=1
install() {
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends $missing >&2
}
# The lists of a fresh image are empty, and old ones name files that are no longer there.
install || { apt-get update -qq >&2 && install; }

#!/bin/sh
# What tests or benchmarks (the first argument) need beside requirements.lock, each as program:package; installed where
# that is allowed, else named.
purpose=$1
shift
missing=""
for pair in "$@"; do
	command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo "  … install$missing for the $purpose"
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >/dev/null && exit 0
fi
echo "The $purpose need programs that are not here:$missing" >&2
echo "  Debian, Ubuntu, WSL:  sudo apt-get install$missing" >&2
echo "  macOS:                brew install poppler qpdf zbar git redis node" >&2
exit 1

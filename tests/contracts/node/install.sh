#!/bin/sh
# Installs what contract tests need of npm into .local/node, when package-lock.json asks for another than what is there.
cd "$(dirname "$0")" || exit 1
target=../../../.local/node
cmp -s package-lock.json "$target/package-lock.json" && [ -e "$target/complete" ] && exit 0
echo "  … install what contract tests need of npm"
rm -rf "$target"
mkdir -p "$target" || exit 1
cp package.json package-lock.json "$target" || exit 1
npm ci --prefix "$target" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null || {
	echo "npm could not install tests/contracts/node/package-lock.json" >&2
	exit 1
}
touch "$target/complete"

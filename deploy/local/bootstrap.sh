#!/bin/sh
# Names what this machine lacks, all of it at once, before anything is done; then makes the project's own Python.
cd "$(dirname "$0")/../.." || exit 1

missing=""
lacks() {
    missing="$missing
  $1
      Debian, Ubuntu   $2
      macOS            $3
"
}

# A name on the path may be a shim that does not run, and Debian's Python comes without venv.
python=""
for candidate in python3 python3.13 python3.12 python3.11; do
    fits='import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
    if "$candidate" -c "$fits" >/dev/null 2>&1; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    found=$(python3 --version 2>/dev/null || echo "no Python")
    lacks "Python 3.11, 3.12 or 3.13 with venv ($found found)" \
        "sudo apt-get install python3 python3-venv   (Ubuntu 22.04: python3.11 python3.11-venv)" \
        "brew install python@3.13"
fi

needs_java() {
    java="${JAVA_HOME:+$JAVA_HOME/bin/}java"
    java_version=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
    if [ "${java_version:-0}" -lt 17 ]; then
        lacks "Java 17 or newer (${java_version:-no Java} found${JAVA_HOME:+ in JAVA_HOME=$JAVA_HOME})" \
            "sudo apt-get install openjdk-17-jre-headless" \
            "brew install --cask temurin@21"
    fi
    if ! command -v mvn >/dev/null 2>&1; then
        lacks "Maven (no mvn found)" "sudo apt-get install maven" "brew install maven"
    fi
}
# A Kafka that runs already is used as it is.
[ -n "$KAFKA_BOOTSTRAP_SERVERS" ] || needs_java

if [ -n "$missing" ]; then
    printf 'Diandian needs, and this machine lacks:\n%s\n' "$missing" >&2
    printf 'Windows: use WSL (wsl --install), then do as on Ubuntu. Nothing was changed.\n' >&2
    exit 1
fi

exec "$python" -m deploy.local.bootstrap

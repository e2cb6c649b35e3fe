# What every part of the cluster's trial shares; sourced by run.sh.
BUILDER=${BUILDER:-podman}
COMPOSE=${COMPOSE:-podman-compose}
PYTHON=${PYTHON:-.venv/bin/python}
LBT_IMAGE=${LBT_IMAGE:-lbt:cpu}
POSTGRES_IMAGE=${POSTGRES_IMAGE:-localhost/lbt-test-postgres}
PROMETHEUS_IMAGE=${PROMETHEUS_IMAGE:-localhost/lbt-test-prometheus}
S3_IMAGE=${S3_IMAGE:-localhost/lbt-test-s3}
export LBT_IMAGE POSTGRES_IMAGE PROMETHEUS_IMAGE S3_IMAGE

say() { echo "==> $(date +%T) $*"; }
fail() { say "FAILED: $*"; exit 1; }
secret() { "$PYTHON" -c 'import secrets; print(secrets.token_hex(32))'; }
here() { "$PYTHON" "tests/cluster/$1.py" "${@:2}"; }

need() { # a command, and how to get it
  command -v "$1" >/dev/null 2>&1 || { echo "cluster-test: $1 is not here: $2"; exit 2; }
}
need_image() { # an image, and how to make it
  "$BUILDER" image inspect "$1" >/dev/null 2>&1 || { echo "cluster-test: no image $1: $2"; exit 2; }
}
need_containers() {
  need "$BUILDER" "apt-get install podman buildah runc fuse-overlayfs"
  need "$COMPOSE" "apt-get install podman-compose golang-github-containernetworking-plugin-dnsname dnsmasq-base"
}

until_true() { # seconds, what is waited for, command …
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || fail "waited too long for $what"
    sleep 2
  done
}

#!/bin/bash
# The cluster tried for real on one machine: compose brought up, a run started through Prefect's API; the
# server and the database restarted and a Ray worker removed and added in the middle; the run has to end
# Completed. Needs podman (or docker) with compose, and the images that it names:
#   apt-get install podman buildah runc podman-compose fuse-overlayfs \
#     golang-github-containernetworking-plugin-dnsname dnsmasq-base
#   make -f docker/image.mk image
#   podman build --isolation=chroot --network=host --target postgres -t lbt-test-postgres \
#     -f tests/cluster/services.Dockerfile .      (where upstream's Postgres cannot be pulled)
# Variables: LBT_IMAGE, POSTGRES_IMAGE, COMPOSE (podman-compose), BUILDER (podman), PYTHON.
set -euo pipefail
cd "$(dirname "$0")/../.."
COMPOSE=${COMPOSE:-podman-compose}
BUILDER=${BUILDER:-podman}
PYTHON=${PYTHON:-.venv/bin/python}
for need in "$COMPOSE" "$BUILDER" "$PYTHON"; do
  command -v "$need" >/dev/null || { echo "cluster-test: $need is not here; see the top of $0"; exit 2; }
done
secret() { "$PYTHON" -c 'import secrets; print(secrets.token_hex(32))'; }
LBT_POSTGRES_PASSWORD=$(secret) LBT_RAY_TOKEN=$(secret) LBT_GRAFANA_PASSWORD=$(secret)
LBT_PREFECT_AUTH=trial:$(secret)
export LBT_POSTGRES_PASSWORD LBT_RAY_TOKEN LBT_GRAFANA_PASSWORD LBT_PREFECT_AUTH
export LBT_UI_PORT=${LBT_UI_PORT:-4300} LBT_RAY_PORT=${LBT_RAY_PORT:-8300} LBT_WORKER_CPUS=1
export LBT_API=http://127.0.0.1:$LBT_UI_PORT/api
project=lbt-trial
compose() { "$COMPOSE" -p $project -f docker/compose.yaml "$@"; }
api() { "$PYTHON" tests/cluster/api.py "$@"; }
inside() { "$BUILDER" exec ${project}_worker_1 "$@"; }
say() { echo "==> $(date +%T) $*"; }
finish() {
  status=$?
  [ $status -eq 0 ] || "$BUILDER" logs --tail 40 ${project}_worker_1 || true
  compose down -v >/dev/null 2>&1 || true
  exit $status
}
trap finish EXIT

say "compose up"
compose up -d postgres prefect-server prefect-services ray-head ray-worker worker
say "waiting for the worker"
for _ in $(seq 120); do
  "$BUILDER" logs ${project}_worker_1 2>&1 | grep -q "started!" && break
  sleep 5
done
say "a run through the API"
run=$(api start trial runs engines.count=2)
until inside sh -c 'ls /store/runs/trial/rationales/part-*' >/dev/null 2>&1; do sleep 3; done
say "the server and its database are restarted"
"$BUILDER" restart -t 3 ${project}_postgres_1 ${project}_prefect-server_1 >/dev/null
say "a Ray worker goes, another comes"
"$BUILDER" rm -f ${project}_ray-worker_1 >/dev/null
compose up -d ray-worker >/dev/null
api wait "$run" 1800
say "every planned row is there:"
inside lbt status /store/runs/trial
inside lbt verify /store/runs/trial

#!/bin/bash
# The cluster tried for real on one machine, in parts, each of them also alone:
#   tests/cluster/run.sh [image|compose|s3|containers|slurm|all]
#   image    the image; LBT_ENVIRONMENT=NAME puts this source on dependencies built before (the Dockerfile's
#            target cpu-environment), with what they lack from the folder WHEELS
#   compose  Postgres, Prefect's server, Ray's head and two workers, Prometheus as containers; a run through
#            Prefect's API, training on two nodes; meanwhile server and database are restarted, one Ray
#            worker's network is cut for a minute, another is removed and a new one added
#   s3       the same with the store on an S3 server (containers: both, brought up once)
#   slurm    two slurmd of an own slurmctld on this machine: `lbt submit slurm`, its time limit reached
# Each ends with every planned row, counted, or with status 1. What is missing is named: status 2.
# Variables: BUILDER, COMPOSE, PYTHON, BUILD_ARGS (see docker/image.mk), LBT_IMAGE, POSTGRES_IMAGE, …
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/cluster/common.sh
. tests/cluster/common.sh
part=${1:-all}
need "$PYTHON" "make setup"
began=$SECONDS

build_image() {
  need "$BUILDER" "apt-get install podman buildah runc fuse-overlayfs"
  say "the image $LBT_IMAGE"
  if [ -z "${LBT_ENVIRONMENT:-}" ]; then
    make -f docker/image.mk image IMAGE="$LBT_IMAGE" BUILDER="$BUILDER" PYTHON="$PYTHON"
    return
  fi
  # the Dockerfile's last stage on that environment, with what its requirements have gained since
  local file
  file=$(mktemp)
  {
    printf '%s\n' "FROM $LBT_ENVIRONMENT" 'COPY requirements /app/requirements' \
      'RUN pip install -q --no-deps /wheels/*.whl'
    sed -n '/^FROM cpu-environment AS cpu$/,/^FROM /{/^FROM/d;p}' docker/Dockerfile
  } >"$file"
  "$BUILDER" build -q --isolation=chroot --volume "$(realpath "${WHEELS:-build/wheels-cpu}")":/wheels:ro \
    -t "$LBT_IMAGE" -f "$file" .
}

case $part in
  image) build_image ;;
  compose | s3)
    . tests/cluster/compose.sh
    bring_up
    trial "$part"
    all_right
    ;;
  containers)
    . tests/cluster/compose.sh
    bring_up
    trial compose
    trial s3
    all_right
    ;;
  slurm) tests/cluster/slurm.sh ;;
  all)
    need_containers
    tests/cluster/slurm.sh needs
    build_image
    "$0" containers
    tests/cluster/slurm.sh
    ;;
  *)
    sed -n '2,13s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
say "$part: passed in $((SECONDS - began)) s"

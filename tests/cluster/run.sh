#!/bin/bash
# The cluster tried for real on one machine, in parts, each of them also alone:
#   tests/cluster/run.sh [image|compose|s3|slurm|all]
#   image    the image; LBT_OLDER_IMAGE=NAME takes the dependencies of one made before (WHEELS: what they lack)
#   compose  Postgres, Prefect's server, Ray's head and two workers, Prometheus as containers; a run through
#            Prefect's API, training on two nodes; meanwhile server and database are restarted, one Ray
#            worker's network is cut for a minute, another is removed and a new one added
#   s3       the same with the store on an S3 server
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
  if [ -n "${LBT_OLDER_IMAGE:-}" ]; then
    "$BUILDER" build -q --isolation=chroot --volume "$(realpath "${WHEELS:-build/wheels-cpu}")":/wheels:ro \
      --build-arg OLDER="$LBT_OLDER_IMAGE" -t "$LBT_IMAGE" -f tests/cluster/source.Dockerfile .
  else
    make -f docker/image.mk image IMAGE="$LBT_IMAGE" BUILDER="$BUILDER" PYTHON="$PYTHON"
  fi
}

case $part in
  image) build_image ;;
  compose | s3)
    . tests/cluster/compose.sh
    bring_up
    trial "$part"
    ;;
  slurm) tests/cluster/slurm.sh ;;
  all)
    need_containers
    tests/cluster/slurm.sh needs
    build_image
    (
      . tests/cluster/compose.sh
      bring_up
      trial compose
      trial s3
    )
    tests/cluster/slurm.sh
    ;;
  *)
    sed -n '2,12s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
say "$part: passed in $((SECONDS - began)) s"

# The parts compose and s3; sourced by run.sh. One project of containers serves both.
need_containers
need_image "$LBT_IMAGE" "tests/cluster/run.sh image"
stand_in="where upstream's cannot be pulled: $BUILDER build --isolation=chroot --network=host -f tests/cluster/services.Dockerfile"
need_image "$POSTGRES_IMAGE" "$stand_in --target postgres -t lbt-test-postgres ."
need_image "$PROMETHEUS_IMAGE" "$stand_in --target prometheus -t lbt-test-prometheus ."

LBT_POSTGRES_PASSWORD=$(secret) LBT_RAY_TOKEN=$(secret) LBT_GRAFANA_PASSWORD=$(secret)
LBT_PREFECT_AUTH=trial:$(secret)
AWS_ACCESS_KEY_ID=$(secret) AWS_SECRET_ACCESS_KEY=$(secret)
export LBT_POSTGRES_PASSWORD LBT_RAY_TOKEN LBT_GRAFANA_PASSWORD LBT_PREFECT_AUTH
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_ENDPOINT_URL=http://s3:9000
export LBT_UI_PORT=${LBT_UI_PORT:-4300} LBT_RAY_PORT=${LBT_RAY_PORT:-8300}
export LBT_PROMETHEUS_PORT=${LBT_PROMETHEUS_PORT:-9390} LBT_WORKER_CPUS=1 LBT_RAY_WORKERS=2
export LBT_API=http://127.0.0.1:$LBT_UI_PORT/api LBT_PROMETHEUS=http://127.0.0.1:$LBT_PROMETHEUS_PORT
project=lbt-trial
compose() { "$COMPOSE" -p $project -f docker/compose.yaml "$@"; }
inside() { "$BUILDER" exec ${project}_worker_1 "$@"; }
quiet() { "$@" >/dev/null 2>&1; }
said=$(mktemp)
wrong=()
all_right() { [ ${#wrong[@]} -eq 0 ] || fail "${wrong[*]}"; }

finish() {
  local status=$?
  trap - EXIT
  if [ $status -ne 0 ]; then
    for one in worker_1 prefect-server_1 ray-worker_1 ray-worker_2; do
      echo "--- $one"
      "$BUILDER" logs --tail 30 ${project}_$one 2>&1 || true
    done
  fi
  [ -z "${watcher:-}" ] || kill "$watcher" 2>/dev/null || true
  quiet "$BUILDER" rm -f -v ${project}_s3_1 || true
  quiet compose down -v || true
  exit $status
}

bring_up() {
  trap finish EXIT
  say "compose up"
  compose up -d postgres prefect-server prefect-services ray-head ray-worker worker prometheus \
    >/dev/null 2>"$said" || { tail -n 1 "$said"; fail "compose up"; }
  until_true 600 "the worker" sh -c "$BUILDER logs ${project}_worker_1 2>&1 | grep -q started!"
  say "up: $("$BUILDER" ps --format '{{.Names}}' | grep -c ^$project) containers"
}

start_s3() {
  if ! quiet "$BUILDER" image inspect "$S3_IMAGE"; then
    say "the S3 server's image"
    "$PYTHON" -m pip wheel -q --disable-pip-version-check --wheel-dir build/wheels-s3 'moto[server]' \
      -c <(sed -nE 's/^([A-Za-z0-9._-]+==[^ ;]+).*/\1/p' requirements/cpu.txt requirements/cpu-dev.txt)
    "$BUILDER" build -q --isolation=chroot --volume "$(realpath build/wheels-s3)":/wheels:ro \
      --build-arg LBT="$LBT_IMAGE" -t "$S3_IMAGE" -f tests/cluster/s3.Dockerfile .
  fi
  "$BUILDER" run -d --name ${project}_s3_1 --network ${project}_lbt --network-alias s3 "$S3_IMAGE" >/dev/null
  until_true 120 "the S3 server" inside python -c \
    'import urllib.request as u; u.urlopen(u.Request("http://s3:9000/trial", method="PUT"), timeout=5)'
}

first_shard_or_end() { # of the run that is at this address; its flow run
  first_shard "$1" || [[ $(here api state "$2") =~ COMPLETED|FAILED|CRASHED ]]
}

first_shard() { # of the run that is at this address
  inside python -c 'import sys
from lbt_core.store import Files
sys.exit(not [n for n in Files(sys.argv[1]).names("rationales") if n.endswith(".parquet")])' "$1"
}

connected() { # a Ray worker's network is there again; one that Ray's end has restarted meanwhile has it already
  "$BUILDER" network connect --alias ray-worker ${project}_lbt "${project}_$1" ||
    "$BUILDER" inspect "${project}_$1" --format '{{json .NetworkSettings.Networks}}' | grep -q "${project}_lbt"
}

trial() { # compose or s3
  local store=runs began=$SECONDS run seen
  seen=$(mktemp)
  if [ "$1" = s3 ]; then
    start_s3
    store=s3://trial/runs
  fi
  local at=$store/$1 # as the container sees it
  [ "$1" = s3 ] || at=/store/$at
  say "$1: a run through the API, its store $store, training on 2 nodes"
  run=$(here api start "$1" "$store" engines.count=2 training.workers=2 training.gradient_accumulation=2)
  here monitoring "$1" "$run" 4 >"$seen" 2>&1 &
  watcher=$!
  until_true 600 "the first shard" first_shard_or_end "$at" "$run"
  first_shard "$at" || here api wait "$run" 10
  say "the server and its database are restarted"
  "$BUILDER" restart -t 3 ${project}_postgres_1 ${project}_prefect-server_1 >/dev/null
  say "the network of ray-worker_2 is cut for a minute"
  "$BUILDER" network disconnect ${project}_lbt ${project}_ray-worker_2
  sleep 30
  say "meanwhile ray-worker_1 is removed, and another comes"
  "$BUILDER" rm -f ${project}_ray-worker_1 >/dev/null
  quiet compose up -d ray-worker || fail "a new Ray worker"
  sleep 30
  until_true 60 "the network of ray-worker_2" connected ray-worker_2
  say "it is back"
  here api wait "$run" 1500 || fail "the run's end"
  say "every planned row is there:"
  here api rows "$(inside lbt status --json "$at")" "$(inside lbt verify --json "$at")"
  # what follows says all that is wrong before it fails
  "$BUILDER" exec -i ${project}_worker_1 python - 2 <tests/cluster/where.py || wrong+=("$1: training on two nodes")
  wait "$watcher" || wrong+=("$1: Prometheus")
  watcher=
  cat "$seen"
  say "$1: the run ended whole, $((SECONDS - began)) s"
}

#!/bin/bash
# The part slurm: a slurmctld with two slurmd of its own on this machine, ended with everything they
# started. `slurm.sh needs` checks what is there. Nothing of a Slurm that runs here already is touched.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/cluster/common.sh
. tests/cluster/common.sh
for command in slurmctld slurmd sbatch scontrol munged; do
  need $command "apt-get install slurm-wlm munge"
done
[ "$(id -u)" = 0 ] || { echo "cluster-test: slurmd wants to be root here"; exit 2; }
[ "${1:-}" != needs ] || exit 0
PYTHON=$(realpath -s "$PYTHON")
PATH=$(dirname "$PYTHON"):$PATH
export PATH PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
work=$(mktemp -d /tmp/lbt-slurm-XXXXXX)
chmod 755 "$work"
started=()

finish() {
  local status=$?
  trap - EXIT
  [ $status -eq 0 ] || { tail -n 40 "$work"/*.log 2>/dev/null || true; }
  [ -z "${job:-}" ] || scancel "$job" 2>/dev/null || true
  [ $status -eq 0 ] || sleep 10
  kill "${started[@]}" 2>/dev/null || true
  wait || true
  rm -rf "$work"
  exit $status
}
trap finish EXIT

say "a slurmctld with two nodes"
dd if=/dev/urandom of="$work/munge.key" bs=64 count=1 status=none
chmod 600 "$work/munge.key"
munged --foreground --force --socket="$work/munge.socket" --key-file="$work/munge.key" \
  --pid-file="$work/munge.pid" --seed-file="$work/munge.seed" --log-file="$work/munge.log" 2>"$work/munged.log" &
started+=($!)
until_true 20 munged test -S "$work/munge.socket"
cat >"$work/slurm.conf" <<CONF
ClusterName=lbt-trial
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=17800
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdSpoolDir=$work/spool.%n
SlurmdPidFile=$work/slurmd.%n.pid
SlurmctldPidFile=$work/slurmctld.pid
StateSaveLocation=$work/state
ReturnToService=2
JobRequeue=1
KillWait=30
NodeName=n1 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=17801 CPUs=1 State=UNKNOWN
NodeName=n2 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=17802 CPUs=1 State=UNKNOWN
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$work/slurm.conf
mkdir "$work/state" "$work/spool.n1" "$work/spool.n2"
slurmctld -D -f "$SLURM_CONF" >"$work/slurmctld.log" 2>&1 &
started+=($!)
for node in n1 n2; do
  slurmd -D -f "$SLURM_CONF" -N $node >"$work/slurmd.$node.log" 2>&1 &
  started+=($!)
done
idle() { [ "$(sinfo -h -t idle -o %D)" = 2 ]; }
until_true 60 "two idle nodes" idle

say "lbt submit slurm --nodes 2"
mapfile -t settings < <(here api settings)
began=$SECONDS
job=$(cd "$work" && python -m flows.cli submit slurm --nodes 2 --time 60 --store "$work/runs" \
  --run slurm "${settings[@]}" --set engines.count=2)
field() { scontrol show job "$job" -o | tr ' ' '\n' | sed -n "s/^$1=//p"; }
over() { case $(field JobState) in COMPLETED | FAILED | CANCELLED | TIMEOUT | NODE_FAIL) true ;; *) false ;; esac; }
stored() { ls "$work"/runs/slurm/rationales/part-*; }
until_true 600 "the first shard" stored
say "job $job: its time limit is two minutes away: USR1, another turn"
ran=$(( $(date +%s) - $(date -d "$(field StartTime)" +%s) ))
scontrol update "JobId=$job" "TimeLimit=$((ran / 60 + 2))"
again() { [ "$(field Restarts)" = 1 ]; }
until_true 240 "the requeue" again
before=$(find "$work/runs/slurm" -name 'part-*.parquet' | wc -l)
say "requeued with $before shards stored"
# Slurm lets a requeued job wait for two minutes; one that starts in the second in which its first turn was
# ended is refused by slurmd ("job credential revoked")
scontrol update "JobId=$job" TimeLimit=60 StartTime=now+15
until_true 1200 "the job's end" over
grep -E '^lbt:|^\{' "$work/lbt-slurm-$job.log" || true
[ "$(field JobState)" = COMPLETED ] || { cp "$work/lbt-slurm-$job.log" "$work/job.log"; fail "the job is $(field JobState)"; }
say "every planned row is there:"
here api rows "$(python -m flows.cli status --json "$work/runs/slurm")" "$(python -m flows.cli verify --json "$work/runs/slurm")"
say "left of the job: $(ls -d /tmp/lbt-"$job"-* 2>/dev/null | wc -l) folders"
! ls -d /tmp/lbt-"$job"-* >/dev/null 2>&1 || fail "the job left folders behind"
job=
say "slurm: the run ended whole, $((SECONDS - began)) s"

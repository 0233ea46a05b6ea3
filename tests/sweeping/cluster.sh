#!/usr/bin/env bash
# Starts and stops a SLURM cluster whose two nodes, one and two, are this machine. Needs root,
# slurm-wlm and munge.
#   cluster.sh start FOLDER    then: export SLURM_CONF=FOLDER/slurm.conf (FOLDER without blanks)
#   cluster.sh stop FOLDER
set -euo pipefail
action=$1 folder=$(realpath -m "$2")
conf=$folder/slurm.conf

free_ports() {
  python3 -c '
import socket
sockets = [socket.socket() for _ in range(3)]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))'
}

# A job in the partition `urgent` preempts one in `all`, which then has half a minute to end.
configure() {
  local ports host
  read -ra ports < <(free_ports)
  host=$(hostname -s)
  cat > "$conf" << END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${ports[0]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
MpiDefault=none
KillWait=20
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=batch_sched_delay=0,sched_interval=2
NodeName=one NodeHostname=$host NodeAddr=127.0.0.1 Port=${ports[1]} CPUs=2 State=UNKNOWN
NodeName=two NodeHostname=$host NodeAddr=127.0.0.1 Port=${ports[2]} CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime=30 State=UP
PartitionName=urgent Nodes=ALL MaxTime=INFINITE PriorityTier=2 PreemptMode=OFF State=UP
END
}

start() {
  mkdir -p "$folder"/{state,spool-one,spool-two,munge}
  chmod 700 "$folder/munge"
  (umask 077 && head -c 1024 /dev/urandom > "$folder/munge/key")
  configure
  export SLURM_CONF=$conf # `stop` finds the daemons and their children by it, too
  munged --force --num-threads=1 --key-file="$folder/munge/key" --socket="$folder/munge/socket" \
    --pid-file="$folder/munged.pid" --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"
  slurmctld
  slurmd -N one
  slurmd -N two
  for _ in $(seq 100); do
    if [ "$(sinfo --noheader --Node --format=%t 2> /dev/null | sort -u)" = idle ]; then
      return
    fi
    sleep 0.2
  done
  echo 'error: the nodes did not become idle' >&2
  tail -n 20 -- "$folder"/slurm*.log >&2
  exit 1
}

stop() {
  for signal in TERM KILL; do
    for environment in $(grep -slz "^SLURM_CONF=$conf\$" /proc/[0-9]*/environ || true); do
      pid=$(basename "$(dirname "$environment")")
      if [ "$pid" != $$ ]; then
        kill -s $signal "$pid" 2> /dev/null || true
      fi
    done
    sleep 1
  done
}

"$action"

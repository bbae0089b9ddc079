#!/bin/sh
# Tells Spark which GPUs this host has: spark.worker.resource.gpu.discoveryScript of a standalone worker, or
# spark.executor.resource.gpu.discoveryScript elsewhere. See gpu.conf. It prints one line such as
#
#   {"name": "gpu", "addresses": ["0", "1"]}
#
# The addresses are the numbers by which NVIDIA's driver knows the GPUs that a process sees. With CUDA_VISIBLE_DEVICES
# these are the visible ones, counted from 0. Otherwise nvidia-smi says how many there are, and on a host without that
# command the directory of the driver does.
#
# usage: discover-gpus.sh [DIRECTORY]     DIRECTORY instead of /proc/driver/nvidia/gpus
set -eu

fail() {
    echo "discover-gpus.sh: $1" >&2
    exit 1
}

directory=${1:-/proc/driver/nvidia/gpus}
if [ "${CUDA_VISIBLE_DEVICES+set}" = set ]; then
    from="CUDA_VISIBLE_DEVICES=$CUDA_VISIBLE_DEVICES"
    count=$(printf '%s' "$CUDA_VISIBLE_DEVICES" |
        awk -F, '{ while (n < NF && $(n + 1) != "-1" && $(n + 1) != "NoDevFiles") n++ } END { print n + 0 }')
elif listed=$(nvidia-smi --query-gpu=index --format=csv,noheader 2>/dev/null); then
    from=nvidia-smi
    count=$(printf '%s\n' "$listed" | grep -c '^[0-9]' || true)
elif [ -d "$directory" ]; then
    from=$directory
    count=$(ls "$directory" | wc -l)
else
    fail "no NVIDIA driver on this host: there is neither nvidia-smi nor $directory"
fi
[ "$count" -gt 0 ] || fail "there is no GPU according to $from"

addresses=$(awk -v n="$count" 'BEGIN { for (i = 0; i < n; i++) printf "%s\"%d\"", (i ? ", " : ""), i }')
echo "{\"name\": \"gpu\", \"addresses\": [$addresses]}"

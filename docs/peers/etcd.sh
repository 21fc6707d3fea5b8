#!/bin/sh
# Measures etcd with the load of `quorate bench ordered`: three processes and the clients on this
# machine, fsync on, each request one put of a value of BYTES bytes, CLIENTS of them outstanding.
#
#   docs/peers/etcd.sh [BYTES [CLIENTS [SECONDS]]]        (100, 256, 5)
#
# Needs `etcd`, `etcdctl` and `h2load` on the PATH (Debian: etcd-server, etcd-client, nghttp2-client).
# The gate does not run it. etcd tolerates one crashed server of three and no server that lies; its
# requests are not signed, its links here not encrypted: the comparison is of what that buys.
set -eu

bytes=${1:-100}
clients=${2:-256}
seconds=${3:-5}
directory=$(mktemp -d)
pids=""

end() {
    for pid in $pids; do
        kill -9 "$pid" 2>/dev/null || true
    done
    rm -rf "$directory"
}
trap end EXIT INT TERM

port() { echo $((23790 + 10 * $1 + $2)); }
cluster="n1=http://127.0.0.1:$(port 1 1),n2=http://127.0.0.1:$(port 2 1),n3=http://127.0.0.1:$(port 3 1)"
endpoints="127.0.0.1:$(port 1 0),127.0.0.1:$(port 2 0),127.0.0.1:$(port 3 0)"
for number in 1 2 3; do
    etcd --name "n$number" --data-dir "$directory/n$number" --log-level error \
        --listen-client-urls "http://127.0.0.1:$(port $number 0)" \
        --advertise-client-urls "http://127.0.0.1:$(port $number 0)" \
        --listen-peer-urls "http://127.0.0.1:$(port $number 1)" \
        --initial-advertise-peer-urls "http://127.0.0.1:$(port $number 1)" \
        --initial-cluster "$cluster" --initial-cluster-state new \
        >"$directory/n$number.log" 2>&1 &
    pids="$pids $!"
done

export ETCDCTL_API=3
until etcdctl --endpoints "$endpoints" endpoint health >/dev/null 2>&1; do sleep 0.2; done
status() { etcdctl --endpoints "$endpoints" endpoint status --write-out fields; }
# The fields of each server come in a group; the leader's own id is the one that it names as leader.
leader=$(status | tr -d '"' | awk -F' : ' '
    $1 == "MemberID" { id = $2 } $1 == "Leader" { leader = $2 }
    $1 == "Endpoint" && id == leader { found = $2 }
    $1 == "Endpoint" { endpoint = $2 } END { print found }')
revision() { status | tr -d '"' | awk -F' : ' '$1 == "Revision" && $2 > most { most = $2 } END { print most }'; }
cpu_ticks() { for pid in $pids; do cut -d' ' -f14,15 "/proc/$pid/stat"; done | awk '{ sum += $1 + $2 } END { print sum }'; }

# A put as gRPC carries it: no compression, length, then the message {key, value}.
byte() { printf "\\$(printf %03o "$1")"; }
varint() { [ "$1" -lt 128 ] && byte "$1" || { byte $(($1 % 128 + 128)); varint $(($1 / 128)); }; }
value=$(head -c "$bytes" /dev/zero | tr '\0' x)
{ byte 10; varint 7; printf bench/1; byte 18; varint "$bytes"; printf %s "$value"; } >"$directory/put"
length=$(wc -c <"$directory/put")
{ byte 0; byte 0; byte 0; byte $((length / 256)); byte $((length % 256)); cat "$directory/put"; } >"$directory/body"

connections=$((clients < 8 ? clients : 8))
before=$(revision)
ticks=$(cpu_ticks)
h2load --connection-inactivity-timeout 30 -t 1 -c "$connections" -m $((clients / connections)) \
    -D "$seconds" -d "$directory/body" --log-file="$directory/times" \
    -H 'content-type: application/grpc' -H 'te: trailers' \
    "http://$leader/etcdserverpb.KV/Put" >"$directory/report" 2>&1
ticks=$(($(cpu_ticks) - ticks))
done_count=$(($(revision) - before))
sync=$(curl -s "http://$leader/metrics" | awk '
    $1 == "etcd_disk_wal_fsync_duration_seconds_sum" { sum = $2 }
    $1 == "etcd_disk_wal_fsync_duration_seconds_count" { count = $2 }
    END { printf "%.3f", 1000 * sum / count }')
quantile() { cut -f3 "$directory/times" | sort -n | awk -v part="$1" '{ all[NR] = $1 } END { printf "%.3f", all[int(1 + (NR - 1) * part)] / 1000 }'; }
echo "etcd, three servers, $bytes bytes, $clients outstanding"
echo "operations  $done_count: $((done_count / seconds))/s"
echo "latency     p50 $(quantile 0.50) ms, p99 $(quantile 0.99) ms"
echo "server CPU  $((ticks * 10000 / done_count)) us per operation, all three together"
echo "fdatasync   mean $sync ms at the leader"

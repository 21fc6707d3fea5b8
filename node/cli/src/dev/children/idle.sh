#!/bin/sh
# Stands in for a server: does nothing, but stops when it is asked to. Fails if it is not called
# as one.
[ "$1 $2 $3" = "node run --config" ] || exit 2
[ ! -e "$(dirname "$4")/fails" ] || exit 6
trap 'exit 0' TERM
while :; do sleep 0.02; done

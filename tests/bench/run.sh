#!/bin/sh
# tests/bench/run.sh [--quick]: what relaying costs, beside Debian's coturn on the same machine.
exec /usr/bin/python3 "$(dirname "$0")/bench.py" "$@"

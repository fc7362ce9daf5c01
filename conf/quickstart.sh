#!/bin/sh
# From a fresh Debian 12 to a running, checked relay: builds it, makes a secret, starts it in the
# background, checks it, prints what to enter in Nextcloud. Run it again to restart.
#   PORT=3478 HOST=turn.example.org conf/quickstart.sh        conf/quickstart.sh stop
# With TLS: CERTIFICATE=/path/of/fullchain.pem KEY=/path/of/privkey.pem in front as well.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build
state=$build/quickstart
bin=$build/drehkreuz
conf=$state/drehkreuz.conf
port=${PORT:-3478}
certificate=${CERTIFICATE:-}
key=${KEY:-}
packages="gcc libc6-dev cmake ninja-build pkg-config libevent-dev libssl-dev libconfig-dev
libhiredis-dev libseccomp-dev libunistring-dev libjansson-dev"

say() {
    printf '==> %s\n' "$*"
}

die() {
    printf 'quickstart: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        die "installing packages needs root; run once as root: apt-get install" $packages
    fi
}

missing_packages() {
    for p in $packages; do
        case $(dpkg-query -W -f '${Status}' "$p" 2>/dev/null || true) in
        *' installed') ;;
        *) printf '%s ' "$p" ;;
        esac
    done
}

install_packages() {
    command -v apt-get >/dev/null 2>&1 ||
        die "this script knows Debian and its relatives only; install by hand:" $packages
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    say "installing $missing"
    log=$(mktemp)
    { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1 || {
        tail -n 5 "$log" >&2
        die "apt-get failed; mend what it says above and run this again"
    }
    rm -f "$log"
}

compile() {
    say "building (about a minute)"
    mkdir -p "$state"
    chmod 700 "$state"
    options="-DCMAKE_BUILD_TYPE=Release -DDREHKREUZ_TESTS=OFF"
    [ ! -f "$build/CMakeCache.txt" ] || options=
    { cmake -S "$root" -B "$build" -G Ninja $options && cmake --build "$build" --target drehkreuz
    } >"$state/build.log" 2>&1 || {
        tail -n 15 "$state/build.log" >&2
        die "the build failed; if $build is from another compiler, remove it and run this again"
    }
}

is_running() {
    [ -s "$state/pid" ] && [ "$(readlink "/proc/$(cat "$state/pid")/exe" 2>/dev/null |
        sed 's/ (deleted)$//')" = "$bin" ]
}

stop() {
    is_running || return 0
    pid=$(cat "$state/pid")
    say "stopping the one that runs (process $pid)"
    kill "$pid"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        is_running || break
        sleep 0.5
    done
    rm -f "$state/pid"
}

configure() {
    umask 077
    cat >"$conf" <<CONF
# Written by quickstart.sh at each run; for a lasting setup see README.md.
listen = [ "0.0.0.0:$port", "[::]:$port" ];
secrets_file = "$state/secrets";
control_socket = "$state/control";
metrics_listen = "127.0.0.1:9641";
${EXTERNAL:+external_ipv4 = \"$EXTERNAL\";}
CONF
    [ -z "$certificate" ] || cat >>"$conf" <<CONF
certificates = ( { certificate = "$certificate"; key = "$key"; } );
turn_names = [ ${HOST:+\"$HOST\"} ];
CONF
    "$bin" config check --config "$conf" >/dev/null ||
        die "PORT, EXTERNAL, HOST, CERTIFICATE or KEY is wrong, see above"
    if [ ! -s "$state/secret" ] || [ ! -s "$state/secrets" ]; then
        say "making a shared secret"
        rm -f "$state/secrets"
        "$bin" secret new --config "$conf" --id quickstart >"$state/secret"
    fi
}

start() {
    say "starting"
    nohup "$bin" run --config "$conf" >"$state/log" 2>&1 </dev/null &
    echo $! >"$state/pid"
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        grep -q 'started:' "$state/log" && return 0
        kill -0 "$(cat "$state/pid")" 2>/dev/null || break
        sleep 0.25
    done
    tail -n 3 "$state/log" >&2
    if grep -q 'in use' "$state/log"; then
        die "port $port is taken; choose another: PORT=$((port + 1)) conf/quickstart.sh"
    fi
    die "the server did not start, see above"
}

verify() {
    say "checking"
    "$bin" check --config "$conf" | tee "$state/check.log"
    tail -n 1 "$state/check.log" | grep -q '^all is well'
}

explain() {
    secret=$(cat "$state/secret")
    host=${HOST:-$(sed -n 's/^checking \(.*\), UDP port.*/\1/p' "$state/check.log")}
    schemes=turn${certificate:+,turns}
    shown="turn: ${certificate:+and turns:}"
    [ -n "$certificate" ] || shown="turn: only"
    cat <<TEXT

The relay runs. In Nextcloud, either on the command line:

    occ talk:stun:add $host:$port
    occ talk:turn:add --secret $secret -- $schemes $host:$port udp,tcp

or in Administration settings, Talk:

    STUN servers   $host:$port
    TURN servers   $shown   $host:$port   $secret   UDP and TCP

Browsers must reach $host from the internet: give its public name by HOST=..., its public IPv4
address behind NAT by EXTERNAL=..., and open UDP and TCP $port and UDP 49152-65535 in the firewall.

    log          $state/log (about the server only, nothing about its users)
    check again  $bin check --config $conf
    look at it   http://127.0.0.1:9641/ on this machine, or $bin stats --config $conf
    for the data protection officer: $bin privacy --config $conf
    stop         conf/quickstart.sh stop
    as a service see "As a service" in README.md
TEXT
}

case ${1:-} in
stop)
    stop
    exit 0
    ;;
'') ;;
*) die "unknown argument \"$1\"; it is run without one, or with: stop" ;;
esac
case $port in
'' | *[!0-9]*) die "PORT must be a number" ;;
esac
if [ -n "$certificate$key" ]; then
    [ -n "$certificate" ] && [ -n "$key" ] || die "CERTIFICATE and KEY belong together"
    certificate=$(readlink -f "$certificate") && key=$(readlink -f "$key") ||
        die "CERTIFICATE and KEY must be files"
fi
install_packages
compile
stop
configure
start
if verify; then
    explain
else
    explain
    die "the server runs, but not all is well: do what the check says above and run this again"
fi

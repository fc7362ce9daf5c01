#!/bin/bash
# Everything that is tested, from an empty Debian 12 on: ./tests/run.sh [--fast] [--only SUITE]
set -euo pipefail
cd "$(dirname "$0")/.."

ROOT=$PWD
BUILD=$ROOT/build
LOGS=$BUILD/logs
PYTHON=/usr/bin/python3
JOBS=$(nproc)
FUZZ_SECONDS=15
# Side by side run what mostly waits; the rest wants the machine for itself.
LANES=("conformance conformance-asan cli platforms" "redis docker package")
FIRST="build lint unit unit-asan unit-tsan"
THEN="e2e privacy fuzz bench"
SUITES="$FIRST ${LANES[*]} $THEN"
FUZZERS=$(cd tests/fuzz && printf '%s ' fuzz_*.c | sed 's/\.c//g')
FAST="build lint unit conformance"

# What is built where; tests need them before they can run.
declare -A FLAGS=(
    [build]="-DDREHKREUZ_WERROR=ON -DCMAKE_C_COMPILER=gcc"
    [build-asan]="-DDREHKREUZ_WERROR=ON -DCMAKE_C_COMPILER=clang
        -DDREHKREUZ_SANITIZE=address,undefined"
    [build-tsan]="-DDREHKREUZ_WERROR=ON -DCMAKE_C_COMPILER=clang -DDREHKREUZ_SANITIZE=thread"
    [build-fuzz]="-DDREHKREUZ_WERROR=ON -DCMAKE_C_COMPILER=clang -DDREHKREUZ_FUZZ=ON
        -DDREHKREUZ_SANITIZE=address,undefined"
    [build-package]="-DDREHKREUZ_WERROR=ON -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Release
        -DDREHKREUZ_TESTS=OFF"
)

usage() {
    echo "usage: $0 [--fast] [--only SUITE]"
    echo "suites: $SUITES"
}
# What is made there, if not everything.
declare -A TARGETS=([build-fuzz]="${FUZZERS// /_fuzzer }" [build-package]=package)

only=""
while [ $# -gt 0 ]; do
    case $1 in
    --fast) only=$FAST ;;
    --only)
        only=${2:-}
        shift
        [[ " $SUITES " == *" $only "* ]] || { usage >&2; exit 2; }
        ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done

# --- The machine ---

as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"

install_missing() {
    local packages="gcc clang llvm clang-format cmake ninja-build pkg-config libc6-dev
        libevent-dev libssl-dev libconfig-dev libhiredis-dev libseccomp-dev
        libunistring-dev libcmocka-dev libjansson-dev python3 python3-pytest
        python3-venv python3-yaml python3-aioice python3-selenium python3-openssl
        chromium chromium-driver coturn iproute2 libnss3-tools nginx-light
        libnginx-mod-stream haproxy procps ethtool man-db nftables libclang-rt-14-dev
        openssl redis-server redis-sentinel python3-redis prosody php-cli firefox-esr
        python3-websocket janus mount strace binutils prometheus systemd dpkg-dev file
        podman buildah crun debootstrap systemd-container lintian"
    local missing="" package
    for package in $packages; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' ||
            missing+=" $package"
    done
    [ -n "$missing" ] || return 0
    echo "installing:$missing"
    # Packages that are servers (coturn) must not be started by their installation.
    local policy=/usr/sbin/policy-rc.d made=""
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
        $as_root chmod 755 $policy
        made=1
    fi
    local status=0
    # shellcheck disable=SC2086
    {
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
            $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qy \
                -o DPkg::Lock::Timeout=300 install --no-install-recommends $missing
    } >"$LOGS/install.log" 2>&1 </dev/null || status=$?
    [ -z "$made" ] || $as_root rm -f $policy
    [ $status = 0 ] || { tail -n 30 "$LOGS/install.log"; return 1; }
}

# --- Running and counting ---

ran=$LOGS/ran # a line each: suite, tests, failed, seconds
current=""    # process group of the running step
lanes=""      # our own processes, one a lane

stop() {
    if [ -n "$current" ]; then
        kill -TERM -- "-$current" 2>/dev/null || true
        wait "$current" || true # it takes away its namespaces
    fi
    # shellcheck disable=SC2086
    [ -z "$lanes" ] || { kill -TERM $lanes 2>/dev/null; wait $lanes; } || true
    exit 130
}
trap stop INT TERM

# step NAME LOG COMMAND...: runs it in its own process group, a sign of life every 30 s.
step() {
    local name=$1 log=$2 status=0 begin=$SECONDS
    shift 2
    setsid "$@" >"$log" 2>&1 </dev/null &
    current=$!
    while kill -0 "$current" 2>/dev/null; do
        if (((SECONDS - begin) % 30 == 29)); then
            echo "  $name: $((SECONDS - begin + 1)) s, $(tail -n 1 "$log" | cut -c1-80)"
        fi
        sleep 1
    done
    wait "$current" || status=$?
    current=""
    return $status
}

# count REPORT: tests and failures of a JUnit report; skipped tests are failures, and so is none.
count() {
    "$PYTHON" - "$1" <<'PY'
import sys
import xml.etree.ElementTree as tree
try:
    suites = list(tree.parse(sys.argv[1]).iter("testsuite"))
except (OSError, tree.ParseError):
    suites = []
total = {key: sum(int(s.get(key) or 0) for s in suites)
         for key in ("tests", "failures", "errors", "skipped", "disabled")}
failed = sum(value for key, value in total.items() if key != "tests")
print(max(total["tests"], failed), failed) if total["tests"] or failed else print(1, 1)
PY
}

# finish SUITE STATUS LOG SECONDS [REPORT]: without a report the suite counts as one test.
finish() {
    local suite=$1 status=$2 log=$3 seconds=$4 report=${5:-} tests=1 failed=0
    if [ -n "$report" ]; then
        read -r tests failed < <(count "$report")
        # A runner that failed while its tests passed has failed as a whole.
        [ "$status" = 0 ] || [ "$failed" != 0 ] || { tests=$((tests + 1)); failed=1; }
    elif [ "$status" != 0 ]; then
        failed=1
    fi
    echo "$suite $tests $failed $seconds" >>"$ran"
    echo "$suite: $((tests - failed)) passed, $failed failed, $seconds s"
    if [ "$failed" != 0 ]; then
        echo "--- end of ${log#"$ROOT"/} ---"
        tail -n 60 "$log"
        echo "---"
    fi
}

# suite NAME REPORT COMMAND...: REPORT is "" for a command that is one test.
suite() {
    local name=$1 report=$2 log=$LOGS/$1.log begin=$SECONDS status=0
    shift 2
    [ -z "$report" ] || rm -f "$report"
    echo "$name ..."
    step "$name" "$log" "$@" || status=$?
    finish "$name" "$status" "$log" $((SECONDS - begin)) "$report"
}

make_tree() { # FOLDER FLAGS TARGETS
    # shellcheck disable=SC2086
    cmake -S "$ROOT" -B "$1" -G Ninja $2 && ninja -C "$1" -j "$JOBS" $3
}
export -f make_tree
export ROOT JOBS

# built TREE: configures and builds it once per run; a failure is told by whoever needs it.
declare -A done_trees=()
built() {
    local tree=$1 log=$LOGS/$1.log
    if [ -z "${done_trees[$tree]:-}" ]; then
        echo "building $tree ..."
        if step "$tree" "$log" bash -c 'make_tree "$@"' - "$ROOT/$tree" "${FLAGS[$tree]}" \
            "${TARGETS[$tree]:-}"; then
            done_trees[$tree]=good
        else
            done_trees[$tree]=bad
        fi
    fi
    [ "${done_trees[$tree]}" = good ]
}

# needs SUITE TREE: true if the tree is built; else the suite has failed.
needs() {
    built "$2" && return 0
    finish "$1" 1 "$LOGS/$2.log" 0
    return 1
}

run_pytest() { # NAME BINARY FOLDER
    suite "$1" "$LOGS/$1.xml" env DREHKREUZ_BIN="$2" PYTHONDONTWRITEBYTECODE=1 $as_pytest \
        "$PYTHON" -m pytest -p no:cacheprovider -q --durations=5 \
        --junitxml="$LOGS/$1.xml" -o junit_family=xunit2 "tests/$3"
}

run_ctest() { # NAME TREE [ARGUMENTS]
    local name=$1 tree=$2
    shift 2
    suite "$name" "$LOGS/$name.xml" ctest --test-dir "$ROOT/$tree" --output-on-failure \
        -j "$JOBS" --no-tests=error --output-junit "$LOGS/$name.xml" "$@"
}

# Namespaces need root; keep what the tests need of the environment.
as_pytest=""
[ -z "$as_root" ] || as_pytest="sudo -n --preserve-env=DREHKREUZ_BIN,PYTHONDONTWRITEBYTECODE"

# fuzz_one NAME: on a copy of its corpus, so that the tree stays as it is. Leaves NAME.status.
fuzz_one() {
    local name=$1 finds=$LOGS/fuzz corpus=$ROOT/build-fuzz/corpus/$1 status=0
    local dictionary=()
    [ "$name" != fuzz_stun ] || dictionary=("-dict=$ROOT/tests/fuzz/stun.dict")
    mkdir -p "$finds" "$corpus"
    [ ! -d "$ROOT/tests/fuzz/corpus/$name" ] || cp "$ROOT/tests/fuzz/corpus/$name"/* "$corpus"
    "$ROOT/build-fuzz/tests/fuzz/${name}_fuzzer" -max_total_time=$FUZZ_SECONDS \
        -print_final_stats=1 -timeout=5 -rss_limit_mb=2048 "${dictionary[@]}" \
        -artifact_prefix="$finds/$name-" "$corpus" >"$LOGS/$name.log" 2>&1 || status=$?
    echo $status >"$LOGS/$name.status"
    echo "$name ended with $status"
}
export -f fuzz_one
export LOGS FUZZ_SECONDS

run_build() {
    local begin=$SECONDS status=0
    built build || status=1
    finish build $status "$LOGS/build.log" $((SECONDS - begin))
}
run_lint() { run_pytest lint "" lint; }
run_unit() { needs unit build && run_ctest unit build; }
run_unit-asan() { needs unit-asan build-asan && run_ctest unit-asan build-asan; }
run_unit-tsan() {
    needs unit-tsan build-tsan && run_ctest unit-tsan build-tsan -R 'unit_(net|turn)|sim'
}
run_conformance() {
    needs conformance build && run_pytest conformance "$BUILD/drehkreuz" conformance
}
run_conformance-asan() {
    needs conformance-asan build-asan &&
        run_pytest conformance-asan "$ROOT/build-asan/drehkreuz" conformance
}
run_cli() { needs cli build && run_pytest cli "$BUILD/drehkreuz" cli; }
run_redis() { needs redis build && run_pytest redis "$BUILD/drehkreuz" redis; }
run_e2e() { needs e2e build && run_pytest e2e "$BUILD/drehkreuz" e2e; }
run_platforms() { needs platforms build && run_pytest platforms "$BUILD/drehkreuz" platforms; }
run_privacy() { needs privacy build && run_pytest privacy "$BUILD/drehkreuz" privacy; }
run_docker() { run_pytest docker "" docker; }
run_package() {
    needs package build-package && run_pytest package "$ROOT/build-package/drehkreuz" package
}
run_fuzz() {
    local name
    needs fuzz build-fuzz || return 0
    rm -f "$LOGS"/fuzz_*.status
    echo "fuzz, $JOBS at a time ..."
    # shellcheck disable=SC2016
    step fuzz "$LOGS/fuzz.log" bash -c \
        'xargs -n 1 -P "$JOBS" bash -c "fuzz_one \$0" <<<"$1"' - "$FUZZERS" || true
    for name in $FUZZERS; do
        finish "$name" "$(cat "$LOGS/$name.status" 2>/dev/null || echo 1)" "$LOGS/$name.log" \
            $FUZZ_SECONDS
    done
}
run_bench() {
    needs bench build && suite bench "" $as_pytest "$ROOT/tests/bench/run.sh" --quick &&
        cat "$LOGS/bench.log"
}

# --- All of it ---

in_turn() { # SUITES
    local name
    for name in $1; do
        "run_$name" || true
    done
}

# A lane is a shell of its own: what it builds no other one would know of.
side_by_side() {
    local tree lane
    for tree in build build-asan build-package; do
        built $tree || true
    done
    for lane in "${LANES[@]}"; do
        (
            lanes=""
            trap stop INT TERM
            in_turn "$lane"
        ) &
        lanes+=" $!"
    done
    # shellcheck disable=SC2086
    wait $lanes || true
    lanes=""
}

# all_ran SUITES: one of which nothing is known has failed.
all_ran() {
    local name
    for name in $1; do
        grep -q "^$name[ _]" "$ran" || finish "$name" 1 /dev/null 0
    done
}

mkdir -p "$LOGS"
begin=$SECONDS
if ! install_missing; then
    echo "a needed package could not be installed"
    echo "0 passed, 1 failed"
    exit 1
fi
rm -f "$ran"
if [ -n "$only" ]; then
    in_turn "$only"
    all_ran "$only"
else
    in_turn "$FIRST"
    side_by_side
    in_turn "$THEN"
    all_ran "$SUITES"
fi

echo
printf '%-18s %7s %7s %8s\n' suite tests failed seconds
tests=0 failed=0
while read -r name t f seconds; do
    printf '%-18s %7s %7s %8s\n' "$name" "$t" "$f" "$seconds"
    tests=$((tests + t)) failed=$((failed + f))
done <"$ran"
printf '%-18s %7s %7s %8s\n' all $tests $failed $((SECONDS - begin))
echo
echo "$((tests - failed)) passed, $failed failed"
[ $failed = 0 ]

usage() {
    cat <<'END'
usage: sh gate.sh --prometheus URL [--every SECONDS] REGION

Waits until the region's host answers Prometheus, watches it, and says whether
errors came no faster than the gate lets them. {region} in URL is the region. For
global and cloudflare, which are of no region, every region is watched.
deploy.sh says what has to hold, in GATE_WATCH_MS, GATE_CALM_THOUSANDTHS,
GATE_PAGE_THOUSANDTHS and GATE_PATIENCE_MS:

    sh deploy.sh … --gate 'sh gate.sh --prometheus http://prometheus.{region}.example:9090'

It needs curl and jq. Exit codes: 0 it held, 1 it did not, or nobody knows, 2 usage,
3 a program is missing.
END
}

wrong() {
    printf 'gate.sh: %s\n  try: sh gate.sh --help\n' "$1" >&2
    exit 2
}

url='' region='' every=15
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage; exit 0 ;;
        --prometheus | --every) [ $# -ge 2 ] || wrong "$1 wants a value" ;;
        -*) wrong "there is no option '$1'" ;;
    esac
    case $1 in
        --prometheus) url=$2; shift 2 ;;
        --every) every=$2; shift 2 ;;
        *) [ -z "$region" ] || wrong 'name one region'; region=$1; shift ;;
    esac
done
[ -n "$url" ] && [ -n "$region" ] || wrong 'say --prometheus, and a region'
if ! budget=$(budget_of "$region"); then
    case $region in
        # A step of no region is felt in all of them, which are watched at once.
        global | cloudflare)
            watchers='' held=0
            for each in $regions; do
                sh "$0" --prometheus "$url" --every "$every" "$each" &
                watchers="$watchers $!"
            done
            for watcher in $watchers; do
                wait "$watcher" || held=1
            done
            exit "$held"
            ;;
    esac
    wrong "planet $planet has no region '$region'"
fi
for program in curl jq; do
    command -v "$program" > /dev/null || { printf 'gate.sh: %s is not on the PATH\n' "$program" >&2; exit 3; }
done
for said in "GATE_WATCH_MS=${GATE_WATCH_MS:-}" "GATE_CALM_THOUSANDTHS=${GATE_CALM_THOUSANDTHS:-}" \
    "GATE_PAGE_THOUSANDTHS=${GATE_PAGE_THOUSANDTHS:-}" "GATE_PATIENCE_MS=${GATE_PATIENCE_MS:-}"; do
    case ${said#*=} in
        '' | *[!0-9]*) wrong "${said%%=*} is to be a number; deploy.sh says it" ;;
    esac
done
url=$(printf '%s' "$url" | sed "s/{region}/$region/g")
watch=$((GATE_WATCH_MS / 1000)) patience=$((GATE_PATIENCE_MS / 1000))

bad() {
    printf 'gate.sh: %s: %s\n' "$region" "$1" >&2
    exit 1
}

# Asks for a number. Where there is none, and where nobody answers, it is empty.
ask() {
    answer=$(curl --silent --show-error --fail --max-time 10 --get --data-urlencode "query=$1" "${url%/}/api/v1/query") ||
        return 0
    printf '%s' "$answer" | jq --raw-output '.data.result[0].value[1] // empty' || return 0
}

passed() {
    echo $(($(date +%s) - $1))
}

[ -n "$budget" ] || bad 'no availability is promised, so nobody can say that a promise holds: a person has to look'
whose="planet=\"$planet\",region=\"$region\""
answers="mycel:answers{$whose}"
# Shares in millionths, and speeds in thousandths.
fast="mycel:failed:ratio_5m{$whose} * 1000000000 >= bool $budget * $GATE_PAGE_THOUSANDTHS"
long=$(printf '%s' "$long" | sed "s/PLANET/$planet/g; s/REGION/$region/g; s/OVER/${watch}s/g")
speed="$long * 1000000000 > bool $budget * $GATE_CALM_THOUSANDTHS"

begun=$(date +%s)
until [ "$(ask "$answers")" = 1 ]; do
    [ "$(passed "$begun")" -lt "$patience" ] || bad "its host does not answer Prometheus, after $patience s"
    sleep "$every"
done
since=$(date +%s)
while :; do
    [ "$(ask "$answers")" != 0 ] || bad 'its host answered, and does not any more'
    [ "$(ask "$fast")" != 1 ] || bad "errors use the budget up at $GATE_PAGE_THOUSANDTHS thousandths of its speed, or more"
    if [ "$(passed "$since")" -ge "$watch" ]; then
        case $(ask "$speed") in
            0) break ;;
            1) bad "over $watch s errors used the budget up faster than $GATE_CALM_THOUSANDTHS thousandths of its speed" ;;
            *) [ "$(passed "$since")" -lt "$patience" ] || bad 'nobody asked it anything, or Prometheus says nothing: nothing is known' ;;
        esac
    fi
    sleep "$every"
done
printf '%s: watched for %s s: errors came no faster than the gate lets them\n' "$region" "$(passed "$since")"

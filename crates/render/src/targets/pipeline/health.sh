usage() {
    cat <<'END'
usage: sh health.sh REGION=URL...
       sh health.sh --list

Asks /health and /ready of each region at the address that is given, such as
eu=https://eu.example. --list shows the regions and what they are called.

It needs curl or wget. Exit codes: 0 all that were asked live and serve, 1 some do
not, 2 usage, 3 neither program is there.
END
}

wrong() {
    printf 'health.sh: %s\n  try: sh health.sh --help\n' "$1" >&2
    exit 2
}

# Longer than a region that is well ever takes for either.
patience=10

# Asks an address; what it says stands in `said`.
ask() {
    if [ "$program" = curl ]; then
        said=$(curl --silent --show-error --fail --max-time "$patience" "$1" 2>&1)
    else
        said=$(wget -q -O - -t 1 -T "$patience" "$1" 2>&1)
    fi
}

[ $# -gt 0 ] || wrong 'name a region and where it is'
case $1 in
    --help | -h) usage; exit 0 ;;
    --list)
        for id in $regions; do
            printf '%s\t%s\n' "$id" "$(name_of "$id")"
        done
        exit 0
        ;;
esac

for given in "$@"; do
    id=${given%%=*} url=${given#*=}
    [ "$id" != "$given" ] && [ -n "$url" ] || wrong "'$given' is no REGION=URL"
    name_of "$id" > /dev/null || wrong "planet $planet has no region '$id'"
    case $url in
        http://* | https://*) ;;
        *) wrong "'$url' begins with neither http:// nor https://" ;;
    esac
done
program=curl
command -v curl > /dev/null || program=wget
command -v "$program" > /dev/null || {
    printf 'health.sh: neither curl nor wget is on the PATH\n' >&2
    exit 3
}

bad=0 asked=' '
for given in "$@"; do
    id=${given%%=*} url=${given#*=}
    asked="$asked$id "
    for path in health ready; do
        if ask "${url%/}/$path"; then
            printf '%s: /%s: good\n' "$id" "$path"
        else
            printf '%s: /%s: BAD: %s\n' "$id" "$path" "$(printf '%.300s' "$said" | tr -d '[:cntrl:]')"
            bad=1
        fi
    done
done
for id in $regions; do
    case $asked in
        *" $id "*) ;;
        *) printf '%s: nobody says where it is, so nothing is known of it\n' "$id" ;;
    esac
done
exit "$bad"

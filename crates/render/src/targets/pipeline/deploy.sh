usage() {
    cat <<'END'
usage: sh deploy.sh --target compose|kubernetes|terraform [options]

Carries out what `mycel deploy --plan` says, a step at a time, and stops at the
first one that fails or whose gate does not hold.

  --target TARGET  what is deployed with
  --region REGION  only this one; compose needs it, since each region is on a
                   machine of its own, and this is to be that machine
  --before DIR     the folder of what runs now, which steps back go to
  --gate COMMAND   judges a step that is watched: it is given the region as its
                   last word, and what has to hold as GATE_WATCH_MS,
                   GATE_CALM_THOUSANDTHS, GATE_PAGE_THOUSANDTHS and
                   GATE_PATIENCE_MS. Without it a person is asked.
  --put-back       have a step that failed taken back, where the plan says how
  --file FILE      the planet file; that beside this script when left out
  --out DIR        what was rendered; the folder above this script
  --dry-run        print every step, and carry nothing out

It needs mycel and jq on the PATH, and what the target is deployed with.
Exit codes: 0 done, 1 a step failed, 2 usage, 3 a program is missing or there is
no plan, 4 a gate did not hold, 129, 130 and 143 stopped by a signal.
END
}

say() {
    printf '%s\n' "$*" >&2
}

wrong() {
    say "deploy.sh: $1"
    say "  try: sh deploy.sh --help"
    exit 2
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
target='' region='' before='' gate='' puts_back=no file="$here/planet.toml" out=$(dirname -- "$here") dry=no
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage; exit 0 ;;
        --put-back) puts_back=yes; shift; continue ;;
        --dry-run) dry=yes; shift; continue ;;
        --target | --region | --before | --gate | --file | --out) ;;
        *) wrong "there is no option '$1'" ;;
    esac
    [ $# -ge 2 ] || wrong "$1 wants a value"
    case $1 in
        --target) target=$2 ;;
        --region) region=$2 ;;
        --before) before=$2 ;;
        --gate) gate=$2 ;;
        --file) file=$2 ;;
        --out) out=$2 ;;
    esac
    shift 2
done
[ -n "$target" ] || wrong 'say --target'

for program in mycel jq; do
    command -v "$program" > /dev/null || {
        say "deploy.sh: $program is not on the PATH"
        say "  try: install it, or carry out by hand what \`mycel deploy FILE --target $target --plan\` shows"
        exit 3
    }
done

set -- deploy "$file" --target "$target" --out "$out" --plan --json
[ -z "$before" ] || set -- "$@" --before "$before"
plan=$(mycel "$@") || { say 'deploy.sh: there is no plan to carry out'; exit 3; }

# Reads something of the plan.
of_plan() {
    printf '%s' "$plan" | jq --raw-output --exit-status --arg only "$region" "$@"
}
# Of the plan, the steps that are to be done, each with its region.
# shellcheck disable=SC2016 # These are variables of jq.
steps='[.regions[] | select($only == "" or .region == $only) | .region as $region | .steps[] | . + {region: $region}]'
of_step() {
    which=$1
    shift
    of_plan --argjson which "$which" "$steps | .[\$which] | $*"
}

of_plan '.version == 1' > /dev/null || { say 'deploy.sh: the plan is of another version than this script reads'; exit 3; }
of_plan '.notes[] | "note: " + .' >&2 || true
many=$(of_plan "$steps | length")
[ "$many" -gt 0 ] || { say "deploy.sh: the plan has no step for ${region:-any region}"; exit 3; }
if [ "$target" = compose ] && [ "$(of_plan '.regions | length')" -gt 1 ] && [ -z "$region" ]; then
    wrong 'each region is on a machine of its own: name that of this one by --region'
fi
if [ "$dry" = no ] && [ -z "$gate" ] && [ ! -t 0 ]; then
    wrong 'nobody is here to judge a step: say --gate'
fi

# What a gate is told.
GATE_WATCH_MS=$(of_plan .gate.watch_ms)
GATE_CALM_THOUSANDTHS=$(of_plan .gate.calm_thousandths)
GATE_PAGE_THOUSANDTHS=$(of_plan .gate.page_thousandths)
GATE_PATIENCE_MS=$(of_plan .gate.patience_ms)
export GATE_WATCH_MS GATE_CALM_THOUSANDTHS GATE_PAGE_THOUSANDTHS GATE_PATIENCE_MS

at=''
ended() {
    code=$?
    trap - EXIT
    [ -z "$at" ] || say "deploy.sh: stopped with $code at step $at; what it had begun is as it was left"
    exit "$code"
}
trap ended EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Carries out the commands of a step, one after the other: `run` or `back`.
carry_out() {
    last=$(of_step "$1" ".$2 | length") || return 1
    index=0
    while [ "$index" -lt "$last" ]; do
        line=$(of_step "$1" ".$2[$index]") || return 1
        printf '+ %s\n' "$line"
        [ "$dry" = yes ] || sh -c "$line" < /dev/null || return 1
        index=$((index + 1))
    done
}

# Says what takes a step back, or does it.
take_back() {
    if [ "$(of_step "$1" '.back | length')" -eq 0 ]; then
        say 'nothing in the plan takes this back'
    elif [ "$puts_back" = yes ]; then
        say 'taken back:'
        carry_out "$1" back || say 'this did not take it back: it is for a person now'
    else
        say 'this takes it back:'
        of_step "$1" '.back[]' >&2
    fi
}

holds() {
    if [ -n "$gate" ]; then
        sh -c "$gate \"\$1\"" gate "$1"
        return
    fi
    say "watch region $1 for $((GATE_WATCH_MS / 60000)) minutes: errors may take at most $GATE_CALM_THOUSANDTHS thousandths of"
    say "the budget's speed over that, and never $GATE_PAGE_THOUSANDTHS over five minutes. Without requests nothing is known."
    printf 'Did it hold? [y/N] ' >&2
    read -r answer || answer=''
    [ "$answer" = y ]
}

step=0
while [ "$step" -lt "$many" ]; do
    where=$(of_step "$step" .region)
    at="$((step + 1)) of $many, $where: $(of_step "$step" .what)"
    printf '\n# %s\n' "$at"
    if ! carry_out "$step" run; then
        say 'this step failed'
        take_back "$step"
        exit 1
    fi
    if [ "$dry" = no ] && of_step "$step" .watched > /dev/null; then
        if ! holds "$where"; then
            say 'the gate did not hold'
            take_back "$step"
            exit 4
        fi
        printf '# the gate holds\n'
    fi
    step=$((step + 1))
done
at=''
if [ "$dry" = yes ]; then
    printf '\n# %s: %s steps, and nothing was carried out\n' "$planet" "$many"
else
    printf '\n# %s: %s steps, done\n' "$planet" "$many"
fi

#!/bin/sh
# Audit the centers of a registry after each quarter, and act on what the audit says.
#
#   crontab:  30 5 5 1,4,7,10 *  /srv/registry/quarterly-audit.sh /srv/registry 2026-03-31
#
# The first argument is the folder of registry.toml and study.toml, the second the last day that
# counts. Each audit is kept in a folder of its own and compared with the one before.
set -u

registry=$1
day=$2
audits="$registry/audits"
out="$audits/$day"

# the latest earlier audit that is whole; a first audit has none
previous=$(find "$audits" -maxdepth 1 -mindepth 1 -type d ! -name '.*' 2>/dev/null |
  sort | awk -v now="$out" '$0 < now' | tail -n 1)

mkdir -p "$audits"
vpstats audit "$registry" --out "$out" --as-of "$day" \
  ${previous:+--previous "$previous"} >"$audits/$day.txt" 2>"$audits/$day.log"
code=$?

tell() { # who, subject: the text of the audit, or what went wrong
  if command -v mail >/dev/null 2>&1; then
    cat "$audits/$day.txt" "$audits/$day.log" | mail -s "$2" "$1"
  else
    echo "$1: $2"
  fi
}

case $code in
  0) ;;                                                            # nothing to look at
  1) tell data@example.org "Audit $day: findings in the exports" ;;
  3) tell data@example.org "Audit $day: alert, check the data of the center first" ;;
  4) tell board@example.org "Audit $day: alarm, start the review that the plan names" ;;
  5) tell data@example.org "Audit $day: an export cannot be read" ;;
  6) tell data@example.org "Audit $day: the plan or the mapping is not understood" ;;
  2) tell data@example.org "Audit $day: not run; another one is at work, or the call is wrong" ;;
  *) tell data@example.org "Audit $day: a defect of the software ($code)" ;;
esac
exit $code

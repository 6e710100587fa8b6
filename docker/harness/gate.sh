#!/usr/bin/env bash
# What action.yml runs. SAMPLES is scored on PROBLEMS where it is a file, and held against BASELINE.
set -euo pipefail

run=$SAMPLES
if [ ! -d "$SAMPLES" ]; then
  run=$(harness score "$SAMPLES" --problems "$PROBLEMS" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["run"])')
fi
code=0
harness gate "$run" --baseline "$BASELINE" --max-drop "$MAX_DROP" ${VARY:+--vary "$VARY"} --json --output gate.json || code=$?
[ -s gate.json ] || exit "$code" # bad input, said on stderr
read -r outcome words < <(python3 -c 'import json; found = json.load(open("gate.json")); print(found["outcome"], found["words"])')
echo "outcome=$outcome" >>"${GITHUB_OUTPUT:-/dev/null}"
echo "$words" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
case $outcome in
  passed) echo "::notice::$words" ;;
  failed) echo "::error::$words"; exit 1 ;;
  undecided)
    echo "::warning::$words"
    [ "${UNDECIDED:-warn}" = warn ] || exit 3
    ;;
esac

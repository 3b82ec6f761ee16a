#!/usr/bin/env bash
# Checks the table in docs/bolt5.md: each requirement names the file that obeys it and the test that proves it, and both exist.
#
# A row is `| requirement | `src/court/x.rs` | `tests/y.rs::name_of_the_test` |`; either cell may name several, each in backticks.
# A requirement that is not in force yet says `not yet: why` in its last cell, and is counted apart.
set -euo pipefail
cd "$(dirname "$0")/.."

TABLE=${1:-docs/bolt5.md}
kept=0
later=0
wrong=0

complain() { echo "$TABLE:$1: $2"; wrong=$((wrong + 1)); }

# The names in backticks of one cell, one a line.
names() { grep -o '`[^`]*`' <<<"$1" | tr -d '`' || true; }

number=0
in_body=no
while IFS= read -r line; do
    number=$((number + 1))
    # A row of dashes ends a table's head; anything that is no row ends the table.
    case $line in
        '|'*--*'|') [ -n "${line//[|: -]/}" ] || { in_body=yes; continue; } ;;
        '|'*'|') ;;
        *) in_body=no ;;
    esac
    [ "$in_body" = yes ] || continue

    # The last two cells; the requirement before them may be split into more.
    test_cell=${line%|}; test_cell=${test_cell##*|}
    rest=${line%|}; rest=${rest%|*}; file_cell=${rest##*|}
    case $test_cell in *"not yet:"*) later=$((later + 1)); continue ;; esac
    kept=$((kept + 1))

    files=$(names "$file_cell")
    [ -n "$files" ] || complain "$number" "no file is named"
    for file in $files; do [ -f "$file" ] || complain "$number" "there is no file $file"; done

    tests=$(names "$test_cell")
    [ -n "$tests" ] || complain "$number" "no test is named"
    for test in $tests; do
        file=${test%%::*}
        function=${test##*::}
        if [ ! -f "$file" ]; then
            complain "$number" "there is no file $file"
        elif ! grep -q "fn $function\b" "$file"; then
            complain "$number" "$file has no test $function"
        fi
    done
done <"$TABLE"

[ "$kept" -gt 0 ] || { echo "$TABLE: no requirement found"; exit 1; }
echo "$TABLE: $kept requirements with file and test, $later not in force yet, $wrong wrong"
[ "$wrong" = 0 ]

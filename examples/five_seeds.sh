#!/bin/sh
# usage: five_seeds.sh alea train …   Trains once for each of the seeds 0 … 4; prints what the last evaluation of each came
# to, the seconds it took, and their mean, least and greatest.
for seed in 0 1 2 3 4; do
  json=$("$@" --seed $seed --json --quiet) || exit
  printf '%s\n' "$json" | sed 's/.*"evaluation":{"mean":\([^,]*\),.*"seconds":\([^,]*\),.*/'$seed' \1 \2/'
done | awk '
  { print "seed " $1 ": " $2 "  (" $3 " s)"; sum += $2; seconds += $3; n++
    if (n == 1 || $2 < least) least = $2
    if (n == 1 || $2 > greatest) greatest = $2 }
  END { if (n == 5) print "mean " sum/n ", least " least ", greatest " greatest ", " seconds/n " s a run"; else exit 1 }'

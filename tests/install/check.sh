#!/bin/sh
# Installs the build into a folder of its own, builds a program against the installed package, and runs both the program
# and the installed command. usage: check.sh SOURCE-DIR BUILD-DIR
set -eu
source=$1 build=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset ALEA_HOME

cmake --install "$build" --prefix "$folder/prefix" > "$folder/log" || { cat "$folder/log"; exit 1; }
# What is found is the installed standard library, not the one that the build came from.
echo 'fn installed_square(x) = x^2' >> "$folder/prefix/share/alea/stdlib/prelude.alea"
echo 'graph g { param m: real x ~ normal(m, 1) cost installed_square(x) }' | "$folder/prefix/bin/alea" check -
"$folder/prefix/bin/alea" check std:cart_pole

cmake -G Ninja -S "$source/tests/install" -B "$folder/build" -DCMAKE_PREFIX_PATH="$folder/prefix" \
  -DCMAKE_BUILD_TYPE=Release > "$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
cmake --build "$folder/build" > "$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
"$folder/build/consumer"

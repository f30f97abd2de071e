#!/bin/sh
# Makes the key ring in the vault. It never replaces one and can be repeated;
# the wait is for role assignments, which count only after some minutes.
set -eu

if [ "$ENTRADA_KEY_VAULT_IS_PRIVATE" = "true" ]; then
  cat <<EOF
The vault is reached from inside the virtual network alone. To make the key ring,
once, on a Linux machine there, signed in with 'az login' as whoever deployed:

  ENTRADA_KEY_VAULT_URL=$ENTRADA_KEY_VAULT_URL ./dist/entrada keys init --wait 15m

Until then Entrada answers 503 and says that it has no keys.
EOF
  exit 0
fi

exec cargo run --quiet --package entrada -- keys init --wait 15m

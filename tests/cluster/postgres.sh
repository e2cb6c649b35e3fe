#!/bin/sh
# Starts Postgres as upstream's image does: a new data folder is made from POSTGRES_USER, _PASSWORD, _DB.
set -eu
data=/var/lib/postgresql/data/pg
bin=$(ls -d /usr/lib/postgresql/*/bin)
if [ ! -s "$data/PG_VERSION" ]; then
  umask 077
  secret=$(mktemp)
  printf '%s' "$POSTGRES_PASSWORD" > "$secret"
  "$bin/initdb" -D "$data" -U "$POSTGRES_USER" --pwfile="$secret" --auth-host=scram-sha-256 -E UTF8 --locale=C.UTF-8
  rm -f "$secret"
  echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
  "$bin/pg_ctl" -D "$data" -o "-c listen_addresses=" -w start
  "$bin/createdb" -U "$POSTGRES_USER" -h /var/run/postgresql "$POSTGRES_DB" 2>/dev/null || true
  "$bin/pg_ctl" -D "$data" -w stop
fi
exec "$bin/postgres" -D "$data" -c listen_addresses='*'

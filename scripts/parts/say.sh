# How the scripts talk: steps on stdout, one sentence on stderr when something is wrong.

say() { printf '%s\n' "$*"; }

step() { printf '▸ %s\n' "$*"; }

# Ends the script with one sentence that says what to do.
fail() {
  printf '✗ %s\n' "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# need_space DIRECTORY MIB PURPOSE: fails when the file system has less free than the step needs.
need_space() {
  local directory=$1 need=$2 purpose=$3 free
  while [[ ! -d $directory ]]; do directory=$(dirname "$directory"); done
  free=$(df -Pm "$directory" | awk 'NR == 2 { print $4 }')
  if ((free < need)); then
    fail "The disk is full: $purpose needs $need MiB below $directory, and $free MiB are free; make room and run this again."
  fi
}

# explain LOG SUBJECT: turns what a package tool wrote into one sentence, or prints its last lines.
explain() {
  local log=$1 subject=$2
  if grep -qiE 'no space left|ENOSPC|not enough free space|enough space in' "$log"; then
    fail "The disk became full while $subject; make room and run this again."
  fi
  if grep -qiE 'temporary failure resolving|could not resolve|could not connect|cannot initiate the connection|network is unreachable|connection timed out|failed to fetch|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH' "$log"; then
    fail "The network did not answer while $subject; check the connection (or the proxy) and run this again."
  fi
  if grep -qE 'SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_VERIFY_LEAF|certificate verif' "$log"; then
    fail "The certificate of the server was not trusted while $subject; a proxy that inspects traffic needs its certificate named in NODE_EXTRA_CA_CERTS and known to the system."
  fi
  tail -n 20 "$log" >&2
  fail "Something unforeseen went wrong while $subject; the lines above are its own words."
}

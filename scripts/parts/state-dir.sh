# Where the daemon keeps its state, unless it is told otherwise; the daemon's own default is the same.
default_state_dir() {
  if [[ -n ${SERAI_STATE_DIR:-} ]]; then
    printf '%s' "$SERAI_STATE_DIR"
  elif (($(id -u) == 0)); then
    printf /var/lib/serai
  else
    printf '%s' "${XDG_DATA_HOME:-$HOME/.local/share}/serai"
  fi
}

# Distribution packages: which are missing, and how they get here.

# Prints one line for each package of the wanted profiles: apt, probe, dnf, pacman, zypper, why (tab-separated).
# guest/packages.json lists, by guest image, what building it needs.
package_table() {
  node -e '
    const read = (path) => JSON.parse(require("node:fs").readFileSync(path, "utf8"));
    const profiles = read("scripts/packages.json");
    const entries = process.argv.slice(1).flatMap((profile) => profiles[profile]);
    for (const [image, names] of Object.entries(read("guest/packages.json")))
      entries.push(...names.map((apt) => ({ apt, why: "builds the guest image " + image })));
    const seen = new Set();
    for (const { apt, probe = "-", dnf = apt, pacman = apt, zypper = apt, why } of entries) {
      if (!seen.has(apt)) console.log([apt, probe, dnf, pacman, zypper, why].join("\t"));
      seen.add(apt);
    }' "$@"
}

# A probe is a command or a file, with alternatives after "|"; any of them will do, whoever installed it.
is_present() {
  local probe IFS='|'
  for probe in $1; do
    case $probe in
      -) ;;
      /*) if [[ -e $probe ]]; then return 0; fi ;;
      *) if have "$probe"; then return 0; fi ;;
    esac
  done
  return 1
}

# Fills missing_apt, missing_dnf, missing_pacman, missing_zypper and missing_list from the table.
find_missing() {
  local apt probe dnf pacman zypper why unprobed=() installed=''
  missing_apt=() missing_dnf=() missing_pacman=() missing_zypper=() missing_list=''
  local table
  table=$(package_table "$@")
  # Packages without a probe are looked up all at once.
  while IFS=$'\t' read -r apt probe _; do
    if [[ $probe == - ]]; then unprobed+=("$apt"); fi
  done <<<"$table"
  if ((${#unprobed[@]} > 0)) && have dpkg-query; then
    installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${unprobed[@]}" 2>/dev/null || true)
  fi
  while IFS=$'\t' read -r apt probe dnf pacman zypper why; do
    if is_present "$probe"; then continue; fi
    if [[ $probe == - ]] && { ! have dpkg-query || grep -qx "$apt installed" <<<"$installed"; }; then continue; fi
    missing_apt+=("$apt") missing_dnf+=("$dnf") missing_pacman+=("$pacman") missing_zypper+=("$zypper")
    missing_list+="    $apt: $why"$'\n'
  done <<<"$table"
}

# The command that a person would type, for the package tool that this machine has.
install_command() {
  if have apt-get; then
    say "sudo apt-get install --no-install-recommends ${missing_apt[*]}"
  elif have dnf; then
    say "sudo dnf install ${missing_dnf[*]}"
  elif have pacman; then
    say "sudo pacman -S --needed ${missing_pacman[*]}"
  elif have zypper; then
    say "sudo zypper install --no-recommends ${missing_zypper[*]}"
  fi
}

# as_root COMMAND…: as it is for root, else through sudo when that asks nothing.
as_root() {
  if ((user_id == 0)); then "$@"; else sudo -n "$@"; fi
}

may_be_root() {
  ((user_id == 0)) || { have sudo && sudo -n true 2>/dev/null; }
}

# Runs apt-get without a question, for as long as another process holds its lock, up to the deadline.
apt_get() {
  local log=$1 deadline=$((SECONDS + ${SERAI_APT_LOCK_SECONDS:-300})) has_said=''
  shift
  while true; do
    if as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 APT_LISTCHANGES_FRONTEND=none LC_ALL=C \
      apt-get -q -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 \
      -o Acquire::Retries=2 -o Acquire::http::Timeout=30 "$@" </dev/null >"$log" 2>&1; then
      return 0
    fi
    if ! grep -qE 'Could not get lock|is held by process|Unable to acquire the dpkg frontend lock' "$log"; then return 1; fi
    if ((SECONDS >= deadline)); then
      fail "apt is locked by $(lock_holder "$log"), which did not finish in time; wait for it to end and run this again."
    fi
    if [[ -z $has_said ]]; then say "  apt is in use by $(lock_holder "$log"); waiting for it…"; fi
    has_said=yes
    sleep 1
  done
}

lock_holder() {
  grep -oE 'process [0-9]+ \([^)]*\)' "$1" | head -n 1 | grep . || echo 'another process'
}

# Shows how far apt is: a line for every tenth package that is fetched or set up.
follow_apt() {
  tail -n +1 -s 0.2 -F --pid=$$ "$1" 2>/dev/null | awk '
    /^Get:/ && ++fetched % 10 == 0 { print "    " fetched " packages fetched…"; fflush() }
    /^Setting up / && ++ready % 10 == 0 { print "    " ready " packages set up…"; fflush() }'
}

install_by_apt() {
  local log follower
  log=$(mktemp)
  need_space /usr 1500 "installing packages"
  step "Installing Debian packages (from this distribution's own sources, without recommended ones):"
  printf '%s' "$missing_list"
  if [[ -z $(find /var/lib/apt/lists -name '*_Packages*' -mtime -1 -print -quit 2>/dev/null) ]]; then
    say "    reading the package lists…"
    apt_get "$log" update || true # a broken third-party source is not our business; the install below tells
  fi
  follow_apt "$log" & follower=$!
  if ! apt_get "$log" install --no-install-recommends "${missing_apt[@]}"; then
    if grep -qE 'Unable to locate|404 +Not Found|no installation candidate' "$log"; then
      apt_get "$log" update || explain "$log" "reading the package lists"
      apt_get "$log" install --no-install-recommends "${missing_apt[@]}" || explain_apt "$log" "$follower"
    else
      explain_apt "$log" "$follower"
    fi
  fi
  stop_following "$follower"
  rm -f "$log"
}

stop_following() {
  sleep 0.3 # lets the last lines through
  kill "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

explain_apt() {
  stop_following "$2"
  if grep -qE 'Unable to locate|no installation candidate' "$1"; then
    fail "This distribution does not offer all of: ${missing_apt[*]}. Enable its main archive (Ubuntu: universe) and run this again."
  fi
  explain "$1" "installing Debian packages"
}

# Makes sure that the packages of the given profiles are there.
ensure_packages() {
  find_missing "$@"
  if ((${#missing_apt[@]} == 0)); then return; fi
  if have apt-get && may_be_root; then
    install_by_apt
    find_missing "$@"
    if ((${#missing_apt[@]} > 0)); then fail "apt installed the packages, but these are still not usable: ${missing_apt[*]}."; fi
    return
  fi
  say "These packages are missing:"
  printf '%s' "$missing_list"
  local command
  command=$(install_command)
  if [[ -z $command ]]; then
    fail "This machine has none of apt, dnf, pacman and zypper: install what the list above names by its own means, then run this again."
  fi
  if have apt-get; then
    fail "Installing packages needs root, and sudo would ask for a password. Run: $command"
  fi
  fail "Serai installs packages by itself only through apt. Run: $command"
}

# Fails when QEMU is older than 7.2, the first whose migration and devices Serai has been tested with.
ensure_qemu() {
  local qemu=${SERAI_QEMU:-qemu-system-x86_64} version major minor
  version=$("$qemu" --version 2>/dev/null | grep -oE 'version [0-9]+\.[0-9]+' | head -n 1) ||
    fail "$qemu does not run; name a working QEMU in SERAI_QEMU, or unset it."
  version=${version#version }
  major=${version%%.*} minor=${version#*.}
  if ((major < 7 || (major == 7 && minor < 2))); then
    fail "QEMU here is $version and Serai needs 7.2 or newer: use Debian 12, Ubuntu 24.04 or later, or name another QEMU in SERAI_QEMU."
  fi
}

# The part that faces the network runs as this user; it owns nothing else.
ensure_user() {
  if ((user_id != 0)); then return; fi # the hosted form runs everything as the user
  if getent passwd serai >/dev/null; then return; fi
  have useradd || fail "useradd is missing; create the system user serai by this machine's own means."
  step "Creating the system user serai (no home, no login) for the process that faces the network."
  useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin serai ||
    fail "The system user serai could not be created; create it with useradd --system serai and run this again."
}

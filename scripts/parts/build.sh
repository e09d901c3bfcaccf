# What is made inside the repository: npm packages, the console, guest images.

hash_of() { sha256sum "$@" | sha256sum | cut -d ' ' -f 1; }

# follow_growth PID FOLDER: says every ten seconds how much is there, until the process ends.
follow_growth() {
  local ticks=0
  while kill -0 "$1" 2>/dev/null; do
    sleep 0.5
    if ((++ticks % 20 == 0)); then say "    $(du -sm "$2" 2>/dev/null | cut -f 1) MB so far…"; fi
  done
}

# Debian 12's npm leaves out the command of an optional dependency, so the link is made here if it is missing.
link_node() {
  local binary
  if [[ -x node_modules/.bin/node ]]; then return; fi
  for binary in node_modules/node-linux-*/bin/node; do
    if [[ -x $binary ]]; then ln -sf "../${binary#node_modules/}" node_modules/.bin/node; fi
  done
}

# True when npm's own record of what is installed names every version that the lock file names.
is_as_locked() {
  node -e '
    const packages = (path) => JSON.parse(require("node:fs").readFileSync(path, "utf8")).packages;
    const locked = packages("package-lock.json"), installed = packages("node_modules/.package-lock.json");
    const isRight = ([path, { version, optional }]) =>
      !path.startsWith("node_modules/") || (path in installed ? installed[path].version === version : optional);
    process.exitCode = Object.entries(locked).every(isRight) ? 0 : 1;' 2>/dev/null
}

# Installs the npm packages when they are not the ones that the lock file names.
ensure_npm_packages() {
  local stamp=node_modules/.serai-lock want log npm_pid
  want=$(hash_of package-lock.json)
  if [[ -x node_modules/.bin/node && -f $stamp && $(<"$stamp") == "$want" ]]; then return; fi
  if [[ -x node_modules/.bin/node ]] && is_as_locked; then # installed by hand, or the change concerns nothing here
    printf '%s' "$want" >"$stamp"
    return
  fi
  have npm || fail "npm is missing: install Node.js 18 or newer together with npm."
  need_space . 1200 "installing the npm packages"
  step "Installing npm packages into node_modules (about 700 MB, nothing outside this folder)…"
  log=$(mktemp)
  npm ci --no-audit --no-fund --loglevel=error --progress=false </dev/null >"$log" 2>&1 &
  npm_pid=$!
  follow_growth "$npm_pid" node_modules
  wait "$npm_pid" || explain "$log" "installing npm packages"
  rm -f "$log"
  link_node
  if ! node_modules/.bin/node --version >/dev/null 2>&1; then
    fail "npm has no Node.js 26 that runs on this machine ($(uname -m), $(getconf GNU_LIBC_VERSION 2>/dev/null || echo 'not glibc')): Serai needs x86-64 or arm64 with glibc."
  fi
  printf '%s' "$want" >"$stamp"
}

# sources_hash PATH…: changes when any file below the paths does.
sources_hash() {
  find "$@" -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -print0 | LC_ALL=C sort -z |
    xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1
}

# Builds the console when what it is made from has changed.
ensure_console() {
  if [[ ! -f apps/console/vite.config.ts ]]; then return; fi
  local stamp=apps/console/dist/.serai-sources want log
  want=$(sources_hash apps/console packages/kit/src packages/model/src packages/api-contract/src package-lock.json)
  if [[ -f $stamp && $(<"$stamp") == "$want" ]]; then return; fi
  need_space apps/console 200 "building the console"
  step "Building the console…"
  log=$(mktemp)
  (cd apps/console && ../../node_modules/.bin/node ../../node_modules/vite/bin/vite.js build) </dev/null >"$log" 2>&1 ||
    explain "$log" "building the console"
  rm -f "$log"
  printf '%s' "$want" >"$stamp"
}

# Makes the guest images that are not in the cache; the builder knows which are current.
ensure_guest_images() {
  local cache=${SERAI_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/serai}
  if [[ ! -d $cache/guest ]]; then need_space "$cache" 3000 "building the guest images"; fi
  node_modules/.bin/node guest/build.ts tiny debian-12 memtest86 </dev/null 2> >(sed -u 's/^/    /' >&2) >/dev/null ||
    fail "The guest images could not be made; the lines above say why."
}

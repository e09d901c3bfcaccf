import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bubblewrapArgv, findBubblewrap } from "./bubblewrap.ts";

const found = await findBubblewrap(AbortSignal.timeout(20_000));
const skip = !found.isFound && found.reason;

test("a sandboxed program sees what it was given, writes only where it may, and is alone", { skip }, () => {
  assert.ok(found.isFound);
  const folder = mkdtempSync("/var/tmp/serai-bwrap-");
  try {
    chmodSync(folder, 0o755);
    for (const name of ["given", "hidden"]) writeFileSync(join(folder, name), name);
    const own = mkdtempSync(join(folder, "own-"));
    const [program = "", ...args] = bubblewrapArgv(found.bubblewrap, {
      readOnly: [join(folder, "given")],
      writable: [own],
      directory: own,
    });
    const script = [
      `cat ${folder}/given; echo`,
      `[ -e ${folder}/hidden ] && echo hidden`,
      `echo x 2>/dev/null >${folder}/given && echo changed`,
      `{ echo x >${folder}/new; } 2>/dev/null && echo new`,
      "echo mine >file && pwd",
      "ls /etc; echo $$; ls /sys/class/net 2>/dev/null; env | sort",
    ].join("; ");

    const said = execFileSync(program, [...args, "/bin/sh", "-c", script], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });

    assert.equal(said, `given\n${own}\nld.so.cache\n1\nPATH=/usr/bin\nPWD=${own}\n`);
    assert.equal(readFileSync(join(own, "file"), "utf8"), "mine\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("without user namespaces to forbid, nothing else is left out", () => {
  const sandbox = { readOnly: ["/a/b/c"], writable: ["/a"], devices: ["/dev/kvm"], directory: "/a" };

  const modern = bubblewrapArgv({ path: "bwrap", canForbidUserNamespaces: true }, sandbox);
  const older = bubblewrapArgv({ path: "bwrap", canForbidUserNamespaces: false }, sandbox);

  assert.deepEqual(
    modern.filter((word) => word !== "--disable-userns"),
    older,
  );
  const text = older.join(" ");
  assert.match(text, /--dev-bind \/dev\/kvm \/dev\/kvm --bind \/a \/a --ro-bind \/a\/b\/c \/a\/b\/c/);
  assert.match(text, /--unshare-net/);
  assert.doesNotMatch(
    bubblewrapArgv(
      { path: "bwrap", canForbidUserNamespaces: true },
      { ...sandbox, hasHostNetwork: true },
    ).join(" "),
    /--unshare-net/,
  );
});

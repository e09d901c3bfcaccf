import assert from "node:assert/strict";
import { closeSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { isFault } from "@serai/kit/fault";
import { createNetNamespace, inNetNamespace, openNetNamespace, unpinNetNamespace } from "./net-namespace.ts";
import { joinBridge, openTap } from "./tap.ts";

const skip = process.getuid?.() === 0 ? false : "network namespaces need root";
const here = () => readlinkSync("/proc/thread-self/ns/net");
const interfaces = () => readFileSync("/proc/thread-self/net/dev", "latin1");

/** A pinned namespace in a directory of its own. */
function pinned(): Disposable & { pin: string } {
  const directory = mkdtempSync(join(tmpdir(), "serai-linux-"));
  const pin = join(directory, "namespace");
  return {
    pin,
    [Symbol.dispose]() {
      unpinNetNamespace(pin);
      rmSync(directory, { recursive: true });
    },
  };
}

test("a pinned namespace outlives whoever made it, until it is unpinned", { skip }, () => {
  using place = pinned();
  const home = here();
  createNetNamespace(place.pin)[Symbol.dispose]();

  using namespace = openNetNamespace(place.pin);
  assert.ok(namespace !== undefined);

  assert.notEqual(inNetNamespace(namespace, here), home);
  assert.equal(here(), home);
  unpinNetNamespace(place.pin);
  assert.equal(openNetNamespace(place.pin), undefined);
});

test("this thread comes home from a namespace also when the work in it throws", { skip }, () => {
  using place = pinned();
  using namespace = createNetNamespace(place.pin);
  const home = here();

  assert.throws(() => inNetNamespace(namespace, () => assert.fail("as planned")), /as planned/);

  assert.equal(here(), home);
});

test("a tap lives in its namespace as long as its descriptor, and has one holder", { skip }, () => {
  using place = pinned();
  using namespace = createNetNamespace(place.pin);

  const fd = inNetNamespace(namespace, () => openTap("tap0"));
  assert.ok(fd !== undefined);

  assert.match(inNetNamespace(namespace, interfaces), /tap0/);
  assert.doesNotMatch(interfaces(), /tap0/);
  assert.equal(
    inNetNamespace(namespace, () => openTap("tap0")),
    undefined,
  );
  assert.throws(
    () => inNetNamespace(namespace, () => joinBridge("tap0", "nobridge", 1500)),
    (error) => isFault(error, "linux.refused"),
  );
  closeSync(fd);
  assert.doesNotMatch(inNetNamespace(namespace, interfaces), /tap0/);
});

test("what no namespace is pinned to opens as none", () => {
  assert.equal(openNetNamespace("/nowhere/at/all"), undefined);
  assert.equal(openNetNamespace(tmpdir()), undefined);
});

import { readFileSync } from "node:fs";
import process from "node:process";
import type { NicAttachment } from "@serai/model/network";
import { openNetworkDriver } from "../../src/namespace/open-network-driver.ts";
import type { NetworkWish } from "../../src/network-driver.ts";
import { logger } from "./own-host.ts";

/** Makes and unmakes without end, until it is killed. */
const [stateDirectory = "", wishFile = ""] = process.argv.slice(2);
const { wish, nic } = JSON.parse(readFileSync(wishFile, "utf8")) as { wish: NetworkWish; nic: NicAttachment };
const { signal } = new AbortController();
const driver = await openNetworkDriver({ stateDirectory, logger }, signal);
process.stdout.write("ready\n");
for (;;) {
  await driver.ensure(wish, signal);
  const plugged = await driver.plug(nic, signal);
  await driver.applyRules(wish.id, { nics: [nic], groups: [] }, signal);
  plugged.close();
  await driver.unplug(nic, signal);
  await driver.remove(wish.id, signal);
}

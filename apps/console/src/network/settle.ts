import { waitForOperation, type Client } from "@serai/api-contract/client";
import { faultFromJson } from "@serai/kit/fault";
import type { Operation } from "@serai/model/operation";

/** Waits for what was asked for; throws the fault that it ended with. */
export async function settle(client: Client, asked: Promise<Operation>, signal: AbortSignal): Promise<void> {
  const { fault } = await waitForOperation(client, (await asked).id, {}, signal);
  if (fault !== undefined) throw faultFromJson(fault);
}

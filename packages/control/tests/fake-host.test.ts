import type { VmRecord } from "@serai/model/vm";
import { aRecord } from "@serai/model/testing/a-vm";
import { fakeHost } from "../src/testing/fake-host.ts";
import { hostLinkContract } from "../src/testing/host-link-contract.ts";

hostLinkContract("the fake host", async () => {
  const records = new Map<string, VmRecord>();
  return {
    link: fakeHost({ vm: (id) => records.get(id), image: () => undefined }),
    intend: (id, record) => void (record === undefined ? records.delete(id) : records.set(id, record)),
    spec: aRecord().spec,
    [Symbol.asyncDispose]: async () => {},
  };
});

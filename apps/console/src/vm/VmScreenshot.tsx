import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { VmView } from "@serai/api-contract/schemas";
import { useEffect, useState } from "react";
import { useServices } from "../app/services.ts";

/** A small picture of the screen, renewed while someone looks; leads to the screen itself. */
export function VmScreenshot({ vm }: { vm: VmView }) {
  const { client } = useServices();
  const { data } = useQuery<Uint8Array>({
    queryKey: ["screenshot", vm.id],
    queryFn: async ({ signal }) =>
      (await client.call("screenshotVm", { params: { vm: vm.id } }, signal)) as Uint8Array,
    refetchInterval: 5_000,
    retry: false,
  });
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    if (data === undefined) return;
    const made = URL.createObjectURL(new Blob([new Uint8Array(data)], { type: "image/png" }));
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [data]);
  return (
    <Link
      className="screenshot"
      to="/vms/$vm"
      params={{ vm: vm.id }}
      search={{ tab: "screen" }}
      aria-label={`Open the screen of ${vm.name}`}
    >
      {address === undefined ? (
        <span className="screenshot__none">No picture yet</span>
      ) : (
        <img src={address} alt={`The screen of ${vm.name}`} />
      )}
    </Link>
  );
}

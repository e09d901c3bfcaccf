import tab from "@bomb.sh/tab/commander";
import { listAll } from "@serai/api-contract/client";
import type { Command } from "commander";
import { connect } from "./connection.ts";

type Kind = "listVms" | "listImages" | "listOperations";

/** Names to offer where a command takes one of these words. */
const argumentKinds: Readonly<Record<string, Kind>> = {
  vm: "listVms",
  image: "listImages",
  operation: "listOperations",
};

/** Adds `serai complete SHELL`, and completes commands, options and the names that exist now. */
export async function addCompletion(program: Command, argv: readonly string[]): Promise<void> {
  const isAsking = argv[2] === "complete" && argv[3] === "--";
  const names = isAsking ? await namesFor(program, argv.slice(4)) : [];
  const completion = tab(program);
  for (const command of completion.commands.values()) {
    for (const argument of command.arguments.values()) {
      argument.handler = (offer) => {
        for (const name of names) offer(name, "");
      };
    }
  }
}

async function namesFor(program: Command, words: readonly string[]): Promise<string[]> {
  let command: Command | undefined = program;
  for (const word of words) command = command?.commands.find((sub) => sub.name() === word) ?? command;
  const kind = argumentKinds[command?.registeredArguments[0]?.name() ?? ""];
  if (kind === undefined || command === undefined) return [];
  try {
    const connection = await connect({});
    const names: string[] = [];
    for await (const item of listAll(connection.client, kind, {}, AbortSignal.timeout(1000))) {
      names.push("name" in item ? item.name : item.id);
      if (names.length >= 200) break;
    }
    connection.close();
    return names;
  } catch {
    return []; // a shell that asks for words must not get an error message instead
  }
}

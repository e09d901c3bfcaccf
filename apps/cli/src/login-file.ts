import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { loginFile } from "./places.ts";

/** A server this user logged in to, its certificate pinned. The file is readable by its owner only. */
export type Login = { url: string; token: string; fingerprint256: string };

export async function readLogin(): Promise<Login | undefined> {
  try {
    return JSON.parse(await readFile(loginFile(), "utf8")) as Login;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

export async function writeLogin(login: Login): Promise<void> {
  const path = loginFile();
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.part`, JSON.stringify(login), { mode: 0o600 });
  await rename(`${path}.part`, path);
}

export async function removeLogin(): Promise<void> {
  await rm(loginFile(), { force: true });
}

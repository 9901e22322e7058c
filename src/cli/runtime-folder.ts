/** Folders in memory for what a running gateway leaves for its commands and its successor. */
import { statSync } from "node:fs";
import type { Env } from "../config/variables.ts";

/** Where PID files may be, the most private first. */
export function pidFolders(env: Env): string[] {
  const folders = [
    env["XDG_RUNTIME_DIR"] ?? "",
    ...runtimeDirectories(env),
    "/var/run/sluice",
    "/var/run",
    "/tmp",
  ];
  return [...new Set(folders.filter((folder) => folder.startsWith("/") && isFolder(folder)))];
}

/** Where the snapshot of a stopped gateway waits for the next; null = nowhere. */
export function snapshotFolder(env: Env): string | null {
  return [...runtimeDirectories(env), "/var/run/sluice"].find(isFolder) ?? null;
}

/** systemd gives a list with colons. */
function runtimeDirectories(env: Env): string[] {
  return (env["RUNTIME_DIRECTORY"] ?? "").split(":").filter((folder) => folder.startsWith("/"));
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // Not there, or in a folder that is not ours to enter.
  }
}

/** Loaded into the server that is measured (`--import`): says what V8 holds, at every SIGUSR2, into a file of its own. */
import { renameSync, writeFileSync } from "node:fs";
import { getHeapSpaceStatistics } from "node:v8";
import type { HeldSpace } from "../memory-profile-row.ts";

const file = process.env["MEMORY_PROBE"] ?? "";
let count = 0;

process.on("SIGUSR2", () => {
  const spaces: HeldSpace[] = getHeapSpaceStatistics().map((space) => ({
    name: space.space_name,
    held: space.physical_space_size,
    used: space.space_used_size,
  }));
  writeFileSync(`${file}.part`, JSON.stringify(spaces));
  // Whole for whoever waits for it.
  renameSync(`${file}.part`, `${file}.${++count}`);
});

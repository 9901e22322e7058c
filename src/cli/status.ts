/** `sluice status`: a table for every alias, totals and memory; once, or again and again. */
import { setTimeout as wait } from "node:timers/promises";
import { type AddressOptions, askForJson, findEndpoint } from "./control.ts";
import { formatStatus, readStatus } from "./status-report.ts";
import { print } from "./terminal.ts";

export interface StatusOptions extends AddressOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
}

const EVERY_MS = 2000;
/** Cursor home and everything below it cleared (ECMA-48). */
const CLEAR = "\u001b[H\u001b[2J";

export async function status(options: StatusOptions): Promise<void> {
  const endpoint = findEndpoint(options);
  for (;;) {
    const answer = await askForJson(endpoint, "/status", null);
    const text =
      options.json === true
        ? JSON.stringify(answer, null, options.watch === true ? 0 : 2)
        : formatStatus(readStatus(answer), Date.now());
    const clears = options.watch === true && options.json !== true && process.stdout.isTTY;
    print(clears ? `${CLEAR}${text}` : text);
    if (options.watch !== true) return;
    await wait(EVERY_MS);
  }
}

/** What the gateway learned, kept over a restart: `[state] file` every five minutes and on stop, else a snapshot in memory on stop. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Timers } from "../base/clock.ts";
import type { Config } from "../config/schema.ts";
import type { Env } from "../config/variables.ts";
import type { Gateway } from "../gateway/gateway.ts";
import type { Log } from "../telemetry/log.ts";
import { reasonOf } from "./exit.ts";
import { replaceFile } from "./replace-file.ts";
import { snapshotFolder } from "./runtime-folder.ts";

export interface StateFile {
  /** At start; a missing file is no news, a damaged one a warning. */
  restore(gateway: Gateway): void;
  /** On stop. */
  save(gateway: Gateway): void;
  /** Saves every five minutes where a file is configured; returns the end of it. */
  saveRegularly(gateway: Gateway, timers: Timers): () => void;
}

const FORMAT = 1;
const MAX_BYTES = 4 * 1024 * 1024;
const EVERY_MS = 300_000;

/** `config` is asked each time: a reload may name another file. */
export function createStateFile(config: () => Config, env: Env, log: Log): StateFile {
  const place = (): { readonly path: string; readonly onDisk: boolean } | null => {
    const { file } = config().state;
    if (file !== "") return { path: file, onDisk: true };
    const folder = snapshotFolder(env);
    return folder === null ? null : { path: join(folder, "state.json"), onDisk: false };
  };

  function save(gateway: Gateway): void {
    const to = place();
    if (to === null) return;
    const text = JSON.stringify({ format: FORMAT, savedAt: Date.now(), state: gateway.record() });
    if (text.length > MAX_BYTES) {
      log.warn({ bytes: text.length }, `the state is not saved: it is larger than ${MAX_BYTES} bytes`);
      return;
    }
    try {
      replaceFile(to.path, text, 0o600, to.onDisk);
    } catch (error) {
      const note = `the state cannot be saved: ${reasonOf(error)}`;
      if (to.onDisk) log.warn({ file: to.path }, note);
      else log.debug({ file: to.path }, note);
    }
  }

  return {
    save,
    restore(gateway) {
      const from = place();
      if (from === null) return;
      try {
        const state = readState(from.path);
        if (state !== null) gateway.restore(state);
      } catch (error) {
        log.warn({ file: from.path }, `the saved state is ignored: ${reasonOf(error)}`);
      }
    },
    saveRegularly(gateway, timers) {
      const timer = timers.start(EVERY_MS, () => {
        if (config().state.file !== "") save(gateway);
        timer.restart(EVERY_MS);
      });
      return () => timer.cancel();
    },
  };
}

/** null: there is no file. Throws an Error that says what is wrong with it. */
function readState(path: string): unknown {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return null;
  if (!stat.isFile()) throw new Error("it is no regular file");
  if (stat.size > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
  const saved: unknown = parse(readFileSync(path, "utf8"));
  if (typeof saved !== "object" || saved === null || !("format" in saved) || !("state" in saved))
    throw new Error("it is no state of sluice");
  if (saved.format !== FORMAT) throw new Error(`its format ${JSON.stringify(saved.format)} is not known`);
  return saved.state;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("it is damaged"); // The parser's own words would quote the file.
  }
}

/** Certificate and key of the HTTPS listener: read at start, and again when the files change. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Timers } from "../base/clock.ts";
import type { TlsFiles } from "./engine.ts";

export interface TlsPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** How often the files are looked at, milliseconds: renewal programs replace them in their own ways, so contents are compared. */
const CHECK_MS = 10_000;

/** Reads both files and checks that they belong together; throws an Error that names the files, never their contents. */
export function readTlsFiles(files: TlsFiles): TlsPair {
  const pair = { cert: readNamed(files.cert, "certificate"), key: readNamed(files.key, "key") };
  try {
    createSecureContext(pair);
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unusable";
    throw new Error(`${files.cert} and ${files.key} cannot be used for TLS: ${reason}`);
  }
  return pair;
}

/** Calls `onChange` with each new usable pair; an unusable one is reported once and the old one goes on. Returns the stop function. */
export function watchTlsFiles(
  files: TlsFiles,
  timers: Timers,
  onWarning: (message: string) => void,
  onChange: (pair: TlsPair) => void,
): () => void {
  let seen = fingerprint(files);
  const timer = timers.start(CHECK_MS, () => {
    const now = fingerprint(files);
    if (now !== seen) {
      seen = now;
      try {
        onChange(readTlsFiles(files));
      } catch (error) {
        onWarning(`${error instanceof Error ? error.message : error}; the previous certificate stays in use`);
      }
    }
    timer.restart(CHECK_MS);
  });
  return () => timer.cancel();
}

function readNamed(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Error(`the TLS ${what} ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function fingerprint(files: TlsFiles): string {
  const hash = createHash("sha256");
  for (const path of [files.cert, files.key]) {
    try {
      hash.update(readFileSync(path));
    } catch {
      hash.update(`missing ${path}`); // Between removal and replacement; `onChange` is not called for it but for what follows.
    }
  }
  return hash.digest("hex");
}

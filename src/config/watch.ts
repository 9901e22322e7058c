/** Watches the configuration file: a change is reported once the file rests, within a second of the last write. */
import { type FSWatcher, watch } from "node:fs";
import { readFile, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { parse } from "smol-toml";
import { isTable } from "./values.ts";

/** After an event: editors and `mv` cause several in a row. */
const DEBOUNCE_MS = 100;
/** Two reads this far apart must be equal, or the file is still being written. */
const QUIET_MS = 200;
/** For file systems without events (network mounts, some overlays): still inside the second. */
const POLL_MS = 600;
/** A file larger than this is not read. */
const MAX_BYTES = 4 * 1024 * 1024;

export interface WatchListener {
  /** The file rests with a text other than the one running. It may be invalid: loading says so. */
  onChange(text: string): void;
  /** The file rests with something that must not replace a running configuration; `reason` is a sentence's end. */
  onIgnored(reason: string): void;
}

export interface ConfigWatch {
  /** Tells which text runs now, after a reload that came another way. */
  setCurrent(text: string): void;
  /** Ends everything at once; nothing is reported any more. Idempotent. */
  close(): void;
}

/** `current` is the text that runs. Neither timers nor watchers keep the process alive. */
export function watchConfig(path: string, current: string, listener: WatchListener): ConfigWatch {
  let lastText = current;
  let lastMark = "";
  let closed = false;
  let busy = false;
  let again = false;
  let wake: (() => void) | null = null;
  const watchers = new Map<string, FSWatcher>();

  const debounce = setTimeout(check, DEBOUNCE_MS).unref();
  const poll = setInterval(check, POLL_MS).unref();
  const quiet = setTimeout(() => wake?.(), QUIET_MS).unref();

  function onEvent(): void {
    if (!closed) debounce.refresh();
  }

  /** The link's own directory sees renames and swaps, that of the file behind it sees writes in place. */
  async function watchDirectories(): Promise<void> {
    const wanted = new Set([dirname(path)]);
    try {
      wanted.add(dirname(await realpath(path)));
    } catch {
      // The file is gone at the moment: its own directory tells when it is back.
    }
    if (closed) return;
    for (const [directory, watcher] of watchers)
      if (!wanted.has(directory)) {
        watcher.close();
        watchers.delete(directory);
      }
    for (const directory of wanted) if (!watchers.has(directory)) watchDirectory(directory);
  }

  function watchDirectory(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, onEvent);
      watcher.on("error", () => {
        watcher.close();
        watchers.delete(directory);
      });
      watchers.set(directory, watcher);
    } catch {
      // No such directory, or no inotify watches left: the poll sees the change.
    }
  }

  async function check(): Promise<void> {
    if (closed) return;
    again = busy;
    if (busy) return;
    busy = true;
    do {
      again = false;
      await watchDirectories();
      await settle();
    } while (again && !closed);
    busy = false;
  }

  async function settle(): Promise<void> {
    let mark = await markOf(path);
    if (closed || mark === null || mark === lastMark) return;
    let text = await readText(path);
    for (;;) {
      await new Promise<void>((resolve) => {
        wake = resolve;
        quiet.refresh();
      });
      if (closed) return;
      // Taken before the read: whatever is written after it makes another mark.
      mark = await markOf(path);
      const next = await readText(path);
      if (closed || mark === null) return;
      if (next === text) break;
      text = next;
    }
    lastMark = mark;
    if (text === null) listener.onIgnored("it cannot be read, or is too large");
    else if (text !== lastText) deliver(text);
  }

  function deliver(text: string): void {
    lastText = text;
    if (text.trim() === "") listener.onIgnored("it is empty");
    else if (!hasProviders(text)) listener.onIgnored("it has no provider");
    else listener.onChange(text);
  }

  void watchDirectories();

  return {
    setCurrent(text) {
      lastText = text;
    },
    close() {
      closed = true;
      clearTimeout(debounce);
      clearInterval(poll);
      clearTimeout(quiet);
      wake?.();
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

/** Changes with every write, rename and swap; null when there is no file. */
async function markOf(path: string): Promise<string | null> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch {
    return null; // deleted, or a link to nothing: the running configuration stays until it is back
  }
}

async function readText(path: string): Promise<string | null> {
  try {
    if ((await stat(path)).size > MAX_BYTES) return null;
    return await readFile(path, "utf8");
  } catch {
    return null; // deleted meanwhile, or not ours to read: told by onIgnored when it stays so
  }
}

function hasProviders(text: string): boolean {
  try {
    const { provider } = parse(text);
    return isTable(provider) && Object.keys(provider).length > 0;
  } catch {
    return true; // not TOML: loading it reports where and why, and keeps what runs
  }
}

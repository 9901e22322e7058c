/** Finds on which line of a TOML text each key is defined. Only for texts that parse: it checks nothing itself. */

export type KeyPath = readonly (string | number)[];

export interface Locator {
  /** Line of the key, else of the nearest table around it; null when even that is not in the text. Counts from 1. */
  line(path: KeyPath): number | null;
  /** Names directly under a table, in the order in which the text mentions them first. */
  order(path: KeyPath): string[];
}

const MAX_DEPTH = 40;

/** Reads the text once; where it is not TOML it stops and knows the keys up to there. */
export function locateKeys(text: string): Locator {
  const lines = new Map<string, number>();
  const names = new Map<string, string[]>();
  const lists = new Map<string, number>();
  let at = 0;
  let counted = 0;
  let line = 1;

  const id = (path: KeyPath) => JSON.stringify(path);

  function lineHere(): number {
    for (; counted < at; counted++) if (text.charCodeAt(counted) === 10) line++;
    return line;
  }

  function note(path: KeyPath): void {
    for (let length = 1; length <= path.length; length++) {
      const key = id(path.slice(0, length));
      if (lines.has(key)) continue;
      lines.set(key, lineHere());
      const parent = id(path.slice(0, length - 1));
      const known = names.get(parent);
      if (known === undefined) names.set(parent, [String(path[length - 1])]);
      else known.push(String(path[length - 1]));
    }
  }

  function skip(pattern: RegExp): string {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) return "";
    at += match[0].length;
    return match[0];
  }

  const skipGap = () => skip(/(?:[ \t\r\n]+|#[^\n]*)*/y);
  const skipSpace = () => skip(/[ \t]*/y);

  function readKey(): string[] | null {
    const parts: string[] = [];
    for (;;) {
      skipSpace();
      const part = skip(/[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/y);
      if (part === "") return null;
      // Nothing of a configuration stands deeper; without a bound long paths would cost quadratic time.
      if (parts.length < MAX_DEPTH)
        parts.push(part[0] === '"' ? unescapeKey(part) : part[0] === "'" ? part.slice(1, -1) : part);
      skipSpace();
      if (text[at] !== ".") return parts;
      at++;
    }
  }

  /** The path a header means: inside the last element of every list of tables on the way. */
  function inLists(parts: readonly string[]): (string | number)[] {
    const path: (string | number)[] = [];
    for (const part of parts) {
      path.push(part);
      const count = lists.get(id(path));
      if (count !== undefined) path.push(count - 1);
    }
    return path;
  }

  function readHeader(): (string | number)[] | null {
    const isList = text[at + 1] === "[";
    at += isList ? 2 : 1;
    const parts = readKey();
    if (parts === null) return null;
    const last = parts.pop() ?? "";
    const path: (string | number)[] = [...inLists(parts), last];
    if (isList) {
      const index = lists.get(id(path)) ?? 0;
      lists.set(id(path), index + 1);
      note(path);
      path.push(index);
    }
    note(path);
    skip(/[ \t]*\]\]?/y);
    return path;
  }

  function readPair(table: KeyPath): boolean {
    const parts = readKey();
    if (parts === null || text[at] !== "=") return false;
    const path = [...table, ...parts];
    note(path);
    at++;
    return readValue(path);
  }

  function readItems(close: string, readItem: (index: number) => boolean): boolean {
    at++;
    for (let index = 0; ; index++) {
      skipGap();
      if (text[at] === close) {
        at++;
        return true;
      }
      if (!readItem(index)) return false;
      skipGap();
      if (text[at] === ",") at++;
      else if (text[at] !== close) return false;
    }
  }

  function readValue(path: KeyPath): boolean {
    skipSpace();
    if (text[at] === "[")
      return readItems("]", (index) => {
        note([...path, index]);
        return readValue([...path, index]);
      });
    if (text[at] === "{") return readItems("}", () => readPair(path));
    const value = skip(
      /"""(?:[^\\]|\\[\s\S])*?"{3,5}|'''[\s\S]*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s,\]}#][^,\]}#\n]*/y,
    );
    return value !== "";
  }

  let table: KeyPath = [];
  for (;;) {
    skipGap();
    if (at >= text.length) break;
    if (text[at] === "[") {
      const header = readHeader();
      if (header === null) break;
      table = header;
    } else if (!readPair(table)) break;
  }

  return {
    line(path) {
      for (let length = path.length; length > 0; length--) {
        const found = lines.get(id(path.slice(0, length)));
        if (found !== undefined) return found;
      }
      return null;
    },
    order: (path) => names.get(id(path)) ?? [],
  };
}

function unescapeKey(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted.slice(1, -1); // an escape that only TOML knows: the line is then that of the table around it
  }
}

/** Names of members to look for, and how a key in a body is matched with them: exactly, since another parser may be laxer. */
import { badRequest, type Failure } from "./failure.ts";
import { invalid } from "./json-skip.ts";
import { plainText } from "./known-texts.ts";

const BACKSLASH = 0x5c;

/** Names to look for, prepared once. */
export interface WatchedNames {
  readonly names: readonly string[];
  /** By length of the name. */
  readonly byLength: readonly (readonly WatchedName[])[];
}

export interface WatchedName {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Its first byte, in lower case. */
  readonly first: number;
  /** Its own among the first 31 names; the rest share one. */
  readonly bit: number;
}

const MAX_BIT = 31;

/** Prepares names (ASCII) for `scanObject`. */
export function watchNames(names: readonly string[]): WatchedNames {
  const byLength: WatchedName[][] = [];
  for (const [index, name] of names.entries()) {
    while (byLength.length <= name.length) byLength.push([]);
    const bit = 1 << Math.min(index, MAX_BIT);
    const first = name.charCodeAt(0) | 0x20;
    byLength[name.length]?.push({ name, bytes: Buffer.from(name, "latin1"), first, bit });
  }
  return { names, byLength };
}

/** The bits of some of the names, for `ObjectScan.seen`. */
export function bitsOf(watched: WatchedNames, names: readonly string[]): number {
  let bits = 0;
  for (const name of names) bits |= 1 << Math.min(watched.names.indexOf(name), MAX_BIT);
  return bits;
}

/** The watched name that the key [start, end) spells, null when none; throws when it spells one in a disguise. */
export function matchName(
  bytes: Buffer,
  start: number,
  end: number,
  watched: WatchedNames,
): WatchedName | null {
  const candidates = watched.byLength[end - start];
  if (candidates !== undefined) {
    const first = (bytes[start] ?? 0) | 0x20;
    for (let at = 0; at < candidates.length; at++) {
      const hit = candidates[at] as WatchedName;
      if (hit.first !== first) continue;
      if (spells(bytes, start, hit.bytes)) return hit;
      // Go's decoder (Ollama, many relays) takes a key in any case: that would be a second reading.
      if (spellsInAnyCase(bytes, start, hit.bytes))
        throw disguised(hit.name, "must be spelled in its own case");
    }
  }
  for (let i = start; i < end; i++) {
    if (bytes[i] !== BACKSLASH) continue;
    refuseEscaped(bytes, start, end, watched);
    break;
  }
  return null;
}

function spells(bytes: Buffer, start: number, word: Uint8Array): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[start + i] !== word[i]) return false;
  return true;
}

function spellsInAnyCase(bytes: Buffer, start: number, word: Uint8Array): boolean {
  for (let i = 0; i < word.length; i++) {
    const byte = bytes[start + i] ?? 0;
    const wanted = word[i] ?? 0;
    if (byte === wanted) continue;
    const letter = byte | 0x20;
    if (letter !== (wanted | 0x20) || letter < 0x61 || letter > 0x7a) return false;
  }
  return true;
}

function refuseEscaped(bytes: Buffer, start: number, end: number, watched: WatchedNames): void {
  let name: unknown;
  try {
    name = JSON.parse(bytes.toString("utf8", start - 1, end + 1));
  } catch {
    throw invalid("a bad escape in a key", start);
  }
  const lower = String(name).toLowerCase();
  const hit = watched.names.find((candidate) => candidate.toLowerCase() === lower);
  if (hit !== undefined) throw disguised(hit, "must not be spelled with escapes");
}

export function decodeName(bytes: Buffer, key: number, keyEnd: number): string {
  const plain = plainText(bytes, key + 1, keyEnd - 1);
  if (plain !== null) return plain;
  const text = bytes.toString("utf8", key + 1, keyEnd - 1);
  if (!text.includes("\\")) return text;
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    throw invalid("a bad escape in a key", key);
  }
}

export function disguised(name: string, why: string): Failure {
  return badRequest(`member "${name}" ${why}`, "ambiguous_member", name);
}

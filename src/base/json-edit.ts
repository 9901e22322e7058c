/** Changes a JSON text by splicing bytes, so that every byte that is not meant stays as it came. */
import type { Member, ObjectScan } from "./json-scan.ts";

/** Bytes [start, end) become `text`. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** The same, where it is known already. */
  readonly bytes?: Buffer;
}

/** Puts `json` in place of the member's (or element's) value. */
export function replaceValue(member: Member, json: string, bytes?: Buffer): Edit {
  const { start, end } = member;
  return bytes === undefined ? { start, end, text: json } : { start, end, text: json, bytes };
}

/** Renames a member; its value and the white space around the colon stay. */
export function renameMember(member: Member, name: string): Edit {
  return { start: member.key, end: member.keyEnd, text: JSON.stringify(name) };
}

/**
 * Takes members of one object (or elements of one array) out, with the commas that go with them.
 * `members` in the order of the text, all from the same scan.
 */
export function removeMembers(members: readonly Member[]): Edit[] {
  const edits: Edit[] = [];
  let i = 0;
  while (i < members.length) {
    const first = members[i];
    let last = first;
    i++;
    // A run of neighbours goes as one cut: their inner commas belong to no one who stays.
    for (; i < members.length; i++) {
      const next = members[i];
      if (last === undefined || next === undefined || last.after !== next.key) break;
      last = next;
    }
    if (first === undefined || last === undefined) break;
    if (last.after >= 0) edits.push({ start: first.key, end: last.after, text: "" });
    else edits.push({ start: first.before, end: last.end, text: "" });
  }
  return edits;
}

/** Adds members at the end of an object of which `removed` members are taken out by other edits. `json` = the value's text. */
export function insertMembers(
  scan: ObjectScan,
  members: readonly { readonly name: string; readonly json: string }[],
  removed = 0,
): Edit[] {
  if (members.length === 0) return [];
  const text = members.map((member) => `${JSON.stringify(member.name)}:${member.json}`).join(",");
  const lead = scan.count - removed > 0 ? "," : "";
  return [{ start: scan.lastEnd, end: scan.lastEnd, text: lead + text }];
}

/** `edits` in the order of the text. Throws when two overlap, which would be a bug of the caller. */
function sortEdits(edits: readonly Edit[]): readonly Edit[] {
  if (areInOrder(edits)) return edits;
  // An insertion at the place where a cut ends comes after that cut; equal starts: the insertion (empty range) first.
  const sorted = [...edits].sort((a, b) => a.start - b.start || a.end - b.end);
  for (let i = 1; i < sorted.length; i++) {
    const before = sorted[i - 1];
    const here = sorted[i];
    if (before !== undefined && here !== undefined && here.start < before.end) {
      throw new Error(`overlapping edits at byte ${here.start}`);
    }
  }
  return sorted;
}

/** Nearly always: sorting costs ten times the memory of the edits. */
function areInOrder(edits: readonly Edit[]): boolean {
  for (let i = 1; i < edits.length; i++) {
    if ((edits[i] as Edit).start < (edits[i - 1] as Edit).end) return false;
  }
  return true;
}

/** Lists of the length they have: one that grows from nothing makes room for seventeen. */
function applyOne(bytes: Buffer, { start, end, text, bytes: known }: Edit): Buffer[] {
  const before = bytes.subarray(0, start);
  if (text === "") return [before, bytes.subarray(end)];
  return [before, known ?? Buffer.from(text, "utf8"), bytes.subarray(end)];
}

/** Bytes in front of a change that are copied one by one: for so few a call takes longer. */
const FEW = 32;

/** A text with one change, not spelled out: for a small one, views of its parts cost more than to copy them. */
export class EditedBytes {
  readonly length: number;
  readonly #source: Buffer;
  readonly #start: number;
  readonly #end: number;
  readonly #text: Buffer;

  /** Bytes [start, end) of `source` become `text`. */
  constructor(source: Buffer, start: number, end: number, text: Buffer) {
    this.#source = source;
    this.#start = start;
    this.#end = end;
    this.#text = text;
    this.length = source.length - (end - start) + text.length;
  }

  /** Puts it into `target` from `at` on, where there is room. */
  copyTo(target: Buffer, at: number): void {
    const source = this.#source;
    const start = this.#start;
    const shift = this.length - source.length;
    // All of it to where its end belongs, without a view of that: what comes along in front is written over.
    if (shift >= 0) target.set(source, at + shift);
    else source.copy(target, at + start + this.#text.length, this.#end);
    if (start > FEW) source.copy(target, at, 0, start);
    else for (let i = 0; i < start; i++) target[at + i] = source[i] as number;
    target.set(this.#text, at + start);
  }

  /** Views of what did not change, never copies. */
  pieces(): Buffer[] {
    const before = this.#source.subarray(0, this.#start);
    const behind = this.#source.subarray(this.#end);
    return this.#text.length === 0 ? [before, behind] : [before, this.#text, behind];
  }
}

/** `applyEdits`, where one change is not spelled out. */
export function editBytes(bytes: Buffer, edits: readonly Edit[]): readonly Uint8Array[] | EditedBytes {
  if (edits.length !== 1) return applyEdits(bytes, edits);
  const { start, end, text, bytes: known } = edits[0] as Edit;
  return new EditedBytes(bytes, start, end, known ?? Buffer.from(text, "utf8"));
}

export function piecesOf(bytes: readonly Uint8Array[] | EditedBytes): readonly Uint8Array[] {
  return bytes instanceof EditedBytes ? bytes.pieces() : bytes;
}

/** The changed text as pieces; what did not change are views of `bytes`, never copies. */
export function applyEdits(bytes: Buffer, edits: readonly Edit[]): Buffer[] {
  if (edits.length === 0) return [bytes];
  const first = edits[0] as Edit;
  if (edits.length === 1 && first.start > 0 && first.end < bytes.length) return applyOne(bytes, first);
  const pieces: Buffer[] = [];
  let from = 0;
  const sorted = sortEdits(edits);
  for (let i = 0; i < sorted.length; i++) {
    const edit = sorted[i] as Edit;
    if (edit.start > from) pieces.push(bytes.subarray(from, edit.start));
    if (edit.text !== "") pieces.push(edit.bytes ?? Buffer.from(edit.text, "utf8"));
    from = edit.end;
  }
  if (from < bytes.length) pieces.push(bytes.subarray(from));
  return pieces;
}

/** What was worked out for request bodies that differ in one text only: which of their bytes change on the way to a target. */
import type { Edit } from "../base/json-edit.ts";
import type { Capability } from "../protocols/protocol.ts";
import type { Target } from "./target.ts";

interface KnownEdits {
  readonly capability: Capability;
  /** Those of the body that the frame was learned from. */
  readonly edits: readonly Edit[];
  /** Some of them stand behind the text. */
  readonly move: boolean;
}

export class BodyFrame {
  /** Where the text begins, and the list ends that holds it, in the body that the frame was learned from. */
  readonly #text: number;
  readonly #list: { readonly start: number; readonly end: number };
  /** A target is forgotten with the configuration it belongs to. */
  readonly #known = new WeakMap<Target, KnownEdits>();

  constructor(text: number, list: { readonly start: number; readonly end: number }) {
    this.#text = text;
    this.#list = list;
  }

  /** The edits of a body whose text is `longer` by so many bytes; null = they are not known. */
  recall(target: Target, capability: Capability, longer: number): readonly Edit[] | null {
    const known = this.#known.get(target);
    if (known === undefined || known.capability !== capability) return null;
    return known.move ? this.#moved(known.edits, longer) : known.edits;
  }

  /** Edits inside the list are not kept: they may have to do with the text. */
  keep(target: Target, capability: Capability, longer: number, edits: readonly Edit[]): void {
    const { start, end } = this.#list;
    if (edits.some((edit) => edit.end > start && edit.start < end + longer)) return;
    const move = edits.some((edit) => edit.start > this.#text);
    this.#known.set(target, { capability, edits: this.#moved(edits, -longer), move });
  }

  #moved(edits: readonly Edit[], by: number): readonly Edit[] {
    return edits.map((edit) =>
      edit.start > this.#text ? { ...edit, start: edit.start + by, end: edit.end + by } : edit,
    );
  }
}

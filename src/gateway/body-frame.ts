/** What was worked out for request bodies that differ in one text only: what they hold, and which of their bytes change on the way to a target. */
import type { Edit } from "../base/json-edit.ts";
import type { ObjectScan } from "../base/json-scan.ts";
import type { Capability } from "../protocols/protocol.ts";
import type { Conversation } from "./request-facts.ts";
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
  readonly #names: ReadonlySet<string>;
  readonly #conversation: Conversation;
  /** Some text in it begins as a mark of ours does. */
  readonly carrier: boolean;
  /** A target is forgotten with the configuration it belongs to. */
  readonly #known = new WeakMap<Target, KnownEdits>();

  constructor(
    text: number,
    list: { readonly start: number; readonly end: number },
    scan: Pick<ObjectScan, "members">,
    conversation: Conversation,
    carrier: boolean,
  ) {
    this.#text = text;
    this.#list = list;
    this.#names = new Set(scan.members.map(({ name }) => name));
    this.#conversation = conversation;
    this.carrier = carrier;
  }

  /** Whether its bodies have a member of that name. */
  holds(name: string): boolean {
    return this.#names.has(name);
  }

  /** That of a body whose text is `longer` by so many bytes. */
  conversation(longer: number): Conversation {
    const { texts, continues, userId } = this.#conversation;
    const moved = texts.slice();
    for (let i = 0; i < moved.length; i++)
      if ((moved[i] as number) > this.#text) moved[i] = (moved[i] as number) + longer;
    return { texts: moved, continues, userId };
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

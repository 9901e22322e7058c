/** Tells reasoning that a server writes as `<think>…</think>` inside its text from the text itself. */

const OPEN = "<think>";
const CLOSE = "</think>";
/** White space before the answer or its tag is held so far; each piece looks through it once more. */
const MAX_BLANK = 1024;

export interface TaggedText {
  readonly thinking: boolean;
  readonly text: string;
}

/** Splits text as it arrives. The opening tag counts only before any other text. Holds back what may be half a tag. */
export class ThinkTagSplitter {
  #state: "start" | "thinking" | "after" | "text" = "start";
  #held = "";

  push(text: string): TaggedText[] {
    this.#held += text;
    const out: TaggedText[] = [];
    if (this.#state === "start") {
      const trimmed = this.#held.trimStart();
      const blank = this.#held.length - trimmed.length;
      if (trimmed.length < OPEN.length && OPEN.startsWith(trimmed) && blank <= MAX_BLANK) return out;
      if (trimmed.startsWith(OPEN)) {
        this.#held = trimmed.slice(OPEN.length);
        this.#state = "thinking";
      } else {
        this.#state = "text";
      }
    }
    if (this.#state === "thinking") {
      const end = this.#held.indexOf(CLOSE);
      const upTo = end >= 0 ? end : this.#held.length - heldBack(this.#held);
      if (upTo > 0) out.push({ thinking: true, text: this.#held.slice(0, upTo) });
      this.#held = this.#held.slice(upTo);
      if (end < 0) return out;
      this.#held = this.#held.slice(CLOSE.length);
      this.#state = "after";
    }
    if (this.#state === "after") {
      // The blank lines between tag and answer may come in pieces of their own.
      this.#held = this.#held.trimStart();
      if (this.#held === "") return out;
      this.#state = "text";
    }
    if (this.#held !== "") out.push({ thinking: false, text: this.#held });
    this.#held = "";
    return out;
  }

  /** The text's end: what was held back is shown as what it would have been. */
  flush(): TaggedText[] {
    const rest = this.#held;
    this.#held = "";
    return rest === "" ? [] : [{ thinking: this.#state === "thinking", text: rest }];
  }
}

function heldBack(text: string): number {
  for (let count = Math.min(CLOSE.length - 1, text.length); count > 0; count--) {
    if (CLOSE.startsWith(text.slice(text.length - count))) return count;
  }
  return 0;
}

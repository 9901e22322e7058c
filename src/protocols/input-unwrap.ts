/** Takes the value of `input` out of `{"input": …}` while it arrives: custom tools and schemas that had to be wrapped. */

const BEFORE = 0; // up to the colon behind "input"
const VALUE_START = 1;
const TEXT = 2; // inside the wanted string
const RAW = 3; // inside the wanted value, verbatim
const DONE = 4;

/** The wrapper's head can only be this long before it is no wrapper. */
const MAX_HEAD = 64;
const HEAD = /^\s*\{\s*"input"\s*:\s*/;

/**
 * `text`: the member is a string, its characters come out (a custom tool's free text).
 * `raw`: the member's JSON text comes out. A call that did not keep to the wrapper comes out as it is.
 */
export class InputUnwrapper {
  readonly #mode: "text" | "raw";
  #state = BEFORE;
  #held = "";
  #depth = 0;
  #inString = false;
  #escaped = false;

  constructor(mode: "text" | "raw") {
    this.#mode = mode;
  }

  push(text: string): string {
    if (this.#state === DONE) return "";
    this.#held += text;
    if (this.#state === BEFORE) {
      const head = HEAD.exec(this.#held);
      if (head === null) {
        if (this.#held.length < MAX_HEAD) return "";
        return this.#giveUp();
      }
      // White space behind the colon may go on in the next piece.
      if (head[0].length === this.#held.length) return "";
      this.#held = this.#held.slice(head[0].length);
      this.#state = VALUE_START;
    }
    if (this.#state === VALUE_START) {
      if (this.#mode === "text" && this.#held.startsWith('"')) {
        this.#held = this.#held.slice(1);
        this.#state = TEXT;
      } else {
        this.#state = RAW;
      }
    }
    return this.#state === TEXT ? this.#takeText() : this.#takeRaw();
  }

  /** The arguments are complete: what never became a wrapper is shown as it is. */
  flush(): string {
    if (this.#state === DONE) return "";
    const wrapper = this.#state !== BEFORE || /^\s*(?:\{\s*\}\s*)?$/.test(this.#held);
    const rest = this.#held;
    this.#held = "";
    this.#state = DONE;
    return wrapper ? "" : rest;
  }

  #giveUp(): string {
    const all = this.#held;
    this.#held = "";
    // Not the shape that was asked for: everything that follows passes too.
    this.#state = RAW;
    this.#depth = Number.POSITIVE_INFINITY;
    return all;
  }

  #takeText(): string {
    const held = this.#held;
    let end = 0;
    let closed = false;
    while (end < held.length) {
      const character = held[end];
      if (character === '"') {
        closed = true;
        break;
      }
      const size = character === "\\" ? (held[end + 1] === "u" ? 6 : 2) : 1;
      if (end + size > held.length) break;
      // The halves of a surrogate pair come out together.
      if (size === 6 && /^\\u[dD][89abAB]/.test(held.slice(end, end + 6)) && end + 12 > held.length) {
        if (!closedSoon(held, end + 6)) break;
      }
      end += size;
    }
    const text = unescapeText(held.slice(0, end));
    this.#held = held.slice(end);
    if (closed) {
      this.#state = DONE;
      this.#held = "";
    }
    return text;
  }

  #takeRaw(): string {
    const held = this.#held;
    this.#held = "";
    if (this.#depth === Number.POSITIVE_INFINITY) return held;
    for (let i = 0; i < held.length; i++) {
      const character = held[i];
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (character === "\\") this.#escaped = true;
        else if (character === '"') this.#inString = false;
      } else if (character === '"') {
        this.#inString = true;
      } else if (character === "{" || character === "[") {
        this.#depth++;
      } else if (character === "}" || character === "]" || character === ",") {
        if (this.#depth === 0) {
          this.#state = DONE;
          return held.slice(0, i).trimEnd();
        }
        if (character !== ",") this.#depth--;
      }
    }
    return held;
  }
}

/** A lone first half whose follower is already known to be something else. */
function closedSoon(held: string, at: number): boolean {
  return at < held.length && held[at] !== "\\";
}

function unescapeText(escaped: string): string {
  if (!escaped.includes("\\") && !/[\n\r\t]/.test(escaped)) return escaped;
  try {
    return String(JSON.parse(`"${escaped.replace(/[\u0000-\u001f]/g, controlEscape)}"`));
  } catch {
    return escaped; // A bad escape of the model: its text is better than none.
  }
}

function controlEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

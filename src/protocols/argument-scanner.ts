/** Watches a call's arguments as they arrive: whether they are one JSON value so far, whole, or beyond repair. */

const START = 0; // white space, then a value
const STRING = 1;
const ESCAPE = 2;
const HEX = 3;
const SCALAR = 4; // number or word
const AFTER = 5; // behind a value inside an object or array
const KEY = 6; // a key is wanted
const FIRST_KEY = 7; // a key or `}`
const FIRST_VALUE = 8; // a value or `]`
const COLON = 9;
const WHOLE = 10;
const BROKEN = 11;

const MAX_NESTING = 512;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const NUMBER_PREFIX = /^-?(?:(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][+-]?\d*)?)?$/;
const WORDS = ["true", "false", "null"];

/**
 * Incremental scanner over the text of one call. `push` returns the text to pass on: the same, except that raw control
 * characters inside strings come out escaped (40-protocols 2.1, case 97). After `broken` it returns "".
 */
export class ArgumentScanner {
  #state = START;
  #stack: boolean[] = []; // true = object
  #inKey = false;
  #hexLeft = 0;
  #scalar = "";
  /** The top value is an object. */
  #object = false;
  #seen = false;

  /** One whole JSON value has come (a top-level number only counts once the text ends). */
  get complete(): boolean {
    return (
      this.#state === WHOLE || (this.#state === SCALAR && this.#stack.length === 0 && isScalar(this.#scalar))
    );
  }

  get broken(): boolean {
    return this.#state === BROKEN;
  }

  /** Nothing but white space has come. */
  get empty(): boolean {
    return !this.#seen;
  }

  get isObject(): boolean {
    return this.#object;
  }

  push(text: string): string {
    if (this.#state === BROKEN) return "";
    let out = "";
    let from = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (this.#state === STRING && code < 0x20) {
        out += `${text.slice(from, i)}\\u${code.toString(16).padStart(4, "0")}`;
        from = i + 1;
        continue;
      }
      this.#step(code);
      if (this.broken) return out + text.slice(from, i);
    }
    return from === 0 ? text : out + text.slice(from);
  }

  #step(code: number): void {
    switch (this.#state) {
      case STRING:
        if (code === 0x22) this.#state = this.#inKey ? COLON : this.#afterValue();
        else if (code === 0x5c) this.#state = ESCAPE;
        return;
      case ESCAPE:
        if (code === 0x75) {
          this.#state = HEX;
          this.#hexLeft = 4;
        } else {
          this.#state = '"\\/bfnrt'.includes(String.fromCharCode(code)) ? STRING : BROKEN;
        }
        return;
      case HEX:
        if (!/[0-9a-fA-F]/.test(String.fromCharCode(code))) this.#state = BROKEN;
        else if (--this.#hexLeft === 0) this.#state = STRING;
        return;
      case SCALAR:
        this.#stepScalar(code);
        return;
      default:
        this.#stepStructure(code);
    }
  }

  #stepScalar(code: number): void {
    if (code === 0x2c || code === 0x5d || code === 0x7d || isSpace(code)) {
      if (!isScalar(this.#scalar)) {
        this.#state = BROKEN;
        return;
      }
      this.#state = this.#afterValue();
      this.#stepStructure(code);
      return;
    }
    this.#scalar += String.fromCharCode(code);
    if (!isScalarPrefix(this.#scalar)) this.#state = BROKEN;
  }

  #stepStructure(code: number): void {
    if (isSpace(code)) return;
    this.#seen = true;
    const state = this.#state;
    if (state === WHOLE) {
      this.#state = BROKEN;
    } else if (state === COLON) {
      this.#state = code === 0x3a ? START : BROKEN;
    } else if (state === AFTER) {
      const inObject = this.#stack[this.#stack.length - 1] === true;
      if (code === 0x2c) this.#state = inObject ? KEY : START;
      else if (code === (inObject ? 0x7d : 0x5d)) this.#close();
      else this.#state = BROKEN;
    } else if (state === KEY || state === FIRST_KEY) {
      if (code === 0x7d && state === FIRST_KEY) {
        this.#close();
      } else {
        this.#inKey = true;
        this.#state = code === 0x22 ? STRING : BROKEN;
      }
    } else {
      this.#startValue(code, state === FIRST_VALUE);
    }
  }

  #startValue(code: number, mayClose: boolean): void {
    this.#inKey = false;
    if (code === 0x7b || code === 0x5b) {
      if (this.#stack.length === 0) this.#object = code === 0x7b;
      this.#stack.push(code === 0x7b);
      this.#state = this.#stack.length > MAX_NESTING ? BROKEN : code === 0x7b ? FIRST_KEY : FIRST_VALUE;
    } else if (code === 0x22) {
      this.#state = STRING;
    } else if (code === 0x5d && mayClose) {
      this.#close();
    } else {
      this.#scalar = String.fromCharCode(code);
      this.#state = isScalarPrefix(this.#scalar) ? SCALAR : BROKEN;
    }
  }

  #close(): void {
    this.#stack.pop();
    this.#state = this.#afterValue();
  }

  #afterValue(): number {
    return this.#stack.length === 0 ? WHOLE : AFTER;
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function isScalar(text: string): boolean {
  return WORDS.includes(text) || NUMBER.test(text);
}

function isScalarPrefix(text: string): boolean {
  // A number longer than any double's digits is still JSON; a bound keeps the prefix test cheap.
  if (text.length > 400) return false;
  return WORDS.some((word) => word.startsWith(text)) || NUMBER_PREFIX.test(text);
}

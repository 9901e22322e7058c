/** Remembers what was made of a head: an SDK sends the same one with every request, an upstream the same names with every answer. */
import type { HeaderList } from "../base/headers.ts";
import { Ring } from "../base/ring.ts";

/** Heads remembered at a time: a household has few clients and providers, each with a head or two. */
const HEADS = 4;
/** Characters that count of a head; a longer one is not kept. */
const MAX_LENGTH = 4096;

interface KnownHead<T> {
  /** Name and value in turn; null = whatever stands there. */
  readonly lines: readonly (string | null)[];
  readonly made: T;
}

export class HeadMemory<T> {
  readonly #known: Ring<KnownHead<T>>;

  constructor(heads = HEADS) {
    this.#known = new Ring(heads);
  }

  /** What was made of a head with the same names and the same values of those that count; null = of none. */
  recall(headers: HeaderList): T | null {
    const known = this.#known.all;
    for (let i = 0; i < known.length; i++) {
      const { lines, made } = known[i] as KnownHead<T>;
      if (isLike(headers, lines)) return made;
    }
    return null;
  }

  /** `counts`: whether the value of that name has a part in `made`. No other value is kept. */
  keep(headers: HeaderList, counts: (name: string) => boolean, made: T): void {
    const lines = headers.map((text, i) => (i % 2 === 0 || counts(headers[i - 1] ?? "") ? text : null));
    if (lines.reduce((sum, text) => sum + (text?.length ?? 0), 0) > MAX_LENGTH) return;
    this.#known.add({ lines, made });
  }
}

function isLike(headers: HeaderList, lines: readonly (string | null)[]): boolean {
  if (headers.length !== lines.length) return false;
  for (let i = 0; i < lines.length; i++) if (lines[i] !== null && lines[i] !== headers[i]) return false;
  return true;
}

/** Tool calls that no result has answered yet, found by id or by name: the oldest first, whatever their number. */

interface Call {
  readonly id: string;
  readonly name: string;
}

interface Entry {
  readonly call: Call;
  answered: boolean;
}

/** In order; those at its beginning that are answered are passed over once. */
class Line {
  readonly #entries: Entry[] = [];
  #at = 0;

  add(entry: Entry): void {
    this.#entries.push(entry);
  }

  first(): Entry | undefined {
    while (this.#entries[this.#at]?.answered === true) this.#at++;
    return this.#entries[this.#at];
  }
}

export class OpenCalls {
  readonly #all = new Line();
  readonly #byId = new Map<string, Line>();
  readonly #byName = new Map<string, Line>();

  add({ id, name }: Call): void {
    const entry = { call: { id, name }, answered: false };
    this.#all.add(entry);
    lineOf(this.#byId, id).add(entry);
    lineOf(this.#byName, name).add(entry);
  }

  /** The oldest one of that name. */
  named(name: string): Call | undefined {
    return this.#byName.get(name)?.first()?.call;
  }

  oldest(): Call | undefined {
    return this.#all.first()?.call;
  }

  /** The oldest one of that id is answered now. */
  answer(id: string): Call | undefined {
    const entry = this.#byId.get(id)?.first();
    if (entry !== undefined) entry.answered = true;
    return entry?.call;
  }
}

function lineOf(lines: Map<string, Line>, key: string): Line {
  let line = lines.get(key);
  if (line === undefined) {
    line = new Line();
    lines.set(key, line);
  }
  return line;
}

/** What is written in one turn of the event loop goes out together at its end: a sleeping peer is woken once for all of it. */

/** Whoever has something to write at the end of the turn. */
export interface TurnWriter {
  writeNow(): void;
}

export interface WriteTurn {
  /** At most one entry per connection and turn. */
  add(writer: TurnWriter): void;
}

export function createWriteTurn(): WriteTurn {
  let due: TurnWriter[] = [];
  let spare: TurnWriter[] = [];
  const flush = () => {
    const writers = due;
    due = spare;
    spare = writers;
    for (const writer of writers) writer.writeNow();
    writers.length = 0;
  };
  return {
    add(writer) {
      if (due.length === 0) setImmediate(flush);
      due.push(writer);
    },
  };
}

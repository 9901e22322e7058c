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
    let next = 0;
    try {
      while (next < writers.length) (writers[next++] as TurnWriter).writeNow();
    } finally {
      // One that throws does not keep the others from their turn.
      for (; next < writers.length; next++) add(writers[next] as TurnWriter);
      writers.length = 0;
    }
  };
  const add = (writer: TurnWriter) => {
    if (due.length === 0) setImmediate(flush);
    due.push(writer);
  };
  return { add };
}

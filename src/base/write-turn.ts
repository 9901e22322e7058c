/** What is written in one turn of the event loop goes out together at its end: a sleeping peer is woken once for all of it. */

/** Whoever has something to write at the end of the turn. */
export interface TurnWriter {
  writeNow(): void;
}

export interface WriteTurn {
  /** At most one entry per connection and turn. */
  add(writer: TurnWriter): void;
}

/** Places that are kept from one turn to the next: a list that is emptied by its length makes new room with the next entry. */
const KEPT = 64;

export function createWriteTurn(): WriteTurn {
  let due: (TurnWriter | null)[] = [];
  let count = 0;
  let spare: (TurnWriter | null)[] = [];
  const flush = () => {
    const writers = due;
    const end = count;
    due = spare;
    count = 0;
    spare = writers;
    let next = 0;
    try {
      while (next < end) take(writers, next++).writeNow();
    } finally {
      // One that throws does not keep the others from their turn.
      while (next < end) add(take(writers, next++));
      if (writers.length > KEPT) writers.length = 0;
    }
  };
  const add = (writer: TurnWriter) => {
    if (count === 0) setImmediate(flush);
    due[count++] = writer;
  };
  return { add };
}

/** An entry, and nothing is left of it: what has been written is not held on to. */
function take(writers: (TurnWriter | null)[], at: number): TurnWriter {
  const writer = writers[at] as TurnWriter;
  writers[at] = null;
  return writer;
}

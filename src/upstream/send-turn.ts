/** Requests of one turn of the event loop go out together at its end: a sleeping peer is woken once for all of them. */

/** Whoever has something to write at the end of the turn. */
export interface TurnWriter {
  writeNow(): void;
}

export interface SendTurn {
  /** At most one entry per connection and turn. */
  add(writer: TurnWriter): void;
}

export function createSendTurn(): SendTurn {
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

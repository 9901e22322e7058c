/** What becomes of whole answers, with others known and without. */
import type { Attempt } from "../../../src/gateway/attempt.ts";
import type { Trouble } from "../../../src/gateway/trouble.ts";
import { WholeAnswer } from "../../../src/gateway/whole-answer.ts";
import { KnownAnswers } from "../../../src/protocols/known-answers.ts";
import type { Usage } from "../../../src/protocols/neutral.ts";
import { protocolNamed } from "../../../src/protocols/registry.ts";

export type Dialect = Parameters<typeof protocolNamed>[0];

interface Said {
  readonly trouble: Trouble | null;
  readonly usage: Usage | null;
}

const READ = Buffer.alloc(64 * 1024, '{"}');

/** What becomes of an answer that comes in these pieces, read into one buffer as a connection does, or given one by one. */
export function say(name: Dialect, pieces: readonly Buffer[], known?: KnownAnswers, unpacked = false): Said {
  const { decodeError, readUsage, usageCounts } = protocolNamed(name);
  let trouble: Trouble | null = null;
  const attempt = {
    memory: { hold: () => true, unhold() {} },
    over: false,
    reachContent() {},
    completeWhenDelivered() {},
    fail(why: Trouble) {
      trouble = why;
    },
  };
  const answer = new WholeAnswer(attempt as unknown as Attempt, {
    holdBytes: 1 << 20,
    mustHold: true,
    json: true,
    decodeError,
    readUsage,
    usageCounts,
    ...(known === undefined ? {} : { known }),
    read: () => () => {},
    start() {},
  });
  for (const [i, piece] of pieces.entries()) {
    const start = 7 * (i + 1);
    if (unpacked) answer.data(piece);
    else {
      piece.copy(READ, start);
      answer.bytes(READ, start, start + piece.length);
      READ.fill('{"}', start, start + piece.length);
    }
  }
  answer.end(true);
  return { trouble, usage: answer.usage };
}

/** Counts what is recalled. */
export class CountingAnswers extends KnownAnswers {
  recalled = 0;

  override recall(...given: Parameters<KnownAnswers["recall"]>): boolean {
    const isRecalled = super.recall(...given);
    if (isRecalled) this.recalled++;
    return isRecalled;
  }
}

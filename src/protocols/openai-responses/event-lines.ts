/** The events of a Responses stream as wire text, numbered without a gap. */
export class EventLines {
  /** The next event's `sequence_number`. */
  sequence: number;

  constructor(sequence: number) {
    this.sequence = sequence;
  }

  /** `members`: what follows type and number, without braces. */
  write(type: string, members: string): string {
    return `event: ${type}\ndata: {"type":"${type}","sequence_number":${this.sequence++},${members}}\n\n`;
  }
}

/** How a command ends: 0 ok, 1 failed, 2 wrong usage or configuration; and what it says about it. */

export const FAILED = 1;
export const WRONG_USAGE = 2;

/** Ends the command; each line goes to stderr, and nothing else does. */
export class Exit extends Error {
  readonly code: number;
  readonly lines: readonly string[];

  constructor(code: number, ...lines: readonly string[]) {
    super(lines[0] ?? "");
    this.name = "Exit";
    this.code = code;
    this.lines = lines;
  }
}

/** The text of anything thrown, on one line. */
export function reasonOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.replaceAll(/\s*\n\s*/g, " ");
}

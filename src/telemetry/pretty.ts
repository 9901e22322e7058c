/** Log lines for a person at a terminal: time, level, message, then the fields. */

const COLORS: Record<string, string> = {
  trace: "\u001b[90m",
  debug: "\u001b[36m",
  info: "\u001b[32m",
  warn: "\u001b[33m",
  error: "\u001b[31m",
};
const DIM = "\u001b[2m";
const RESET = "\u001b[0m";

/** Turns one JSON line into a readable one. A line that is no JSON passes as it is. */
export function createPrettyPrinter(color: boolean): (line: string) => string {
  return (line) => {
    let fields: Record<string, unknown>;
    try {
      fields = JSON.parse(line);
    } catch {
      return line; // not ours, but worth showing
    }
    const { level, time, msg, err, ...rest } = fields;
    const stamp = new Date(typeof time === "number" ? time : 0).toTimeString().slice(0, 8);
    const name = String(level ?? "info");
    const tail = Object.entries(rest)
      .map(([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`)
      .join(" ");
    const head = color
      ? `${DIM}${stamp}${RESET} ${COLORS[name] ?? ""}${name.padEnd(5)}${RESET} ${String(msg ?? "")}`
      : `${stamp} ${name.padEnd(5)} ${String(msg ?? "")}`;
    const body = tail === "" ? "" : color ? ` ${DIM}${tail}${RESET}` : ` ${tail}`;
    return `${head}${body}\n${errorText(err)}`;
  };
}

function errorText(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const { stack, message } = error as { stack?: unknown; message?: unknown };
  return `${String(stack ?? message ?? "")}\n`;
}

/** Reads what callgrind wrote: instructions by function. Names of code that V8 made come from its perf map. */
import { readFileSync } from "node:fs";

export interface Instructions {
  readonly total: number;
  /** Without those called, the largest first. */
  readonly functions: readonly (readonly [name: string, count: number])[];
}

interface Code {
  readonly start: number;
  readonly end: number;
  readonly name: string;
  /** Code is thrown away and its place used again: the last entry counts. */
  readonly order: number;
}

/** A code object may begin so many entries before an address and still hold it. */
const OVERLAPS = 40;

/** `profile`: a dump made with `--dump-instr=yes`. */
export function readCallgrind(profile: string, perfMap: string): Instructions {
  const nameOf = codeNames(readFileSync(perfMap, "latin1"));
  /** callgrind says a name once and its number from then on. */
  const names = new Map<string, string>();
  const counts = new Map<string, number>();
  let name = "";
  let address = 0;
  let isCall = false;
  let total = 0;
  for (const line of readFileSync(profile, "latin1").split("\n")) {
    const named = /^(c?fn)=\((\d+)\)(?: (.*))?$/.exec(line);
    if (named !== null) {
      const [, kind, number = "", text] = named;
      if (text !== undefined) names.set(number, text);
      if (kind === "fn") name = names.get(number) ?? "";
    } else if (line.startsWith("calls=")) {
      isCall = true;
    } else if (/^[0-9+*-]/.test(line)) {
      const [position = "", ...costs] = line.split(" ");
      address = nextAddress(address, position);
      // The line after "calls=" has the cost of the whole call, which stands with the function that was called.
      if (!isCall) {
        const count = Number(costs.at(-1));
        const shown = name.startsWith("0x") ? (nameOf(address) ?? name) : name;
        counts.set(shown, (counts.get(shown) ?? 0) + count);
        total += count;
      }
      isCall = false;
    }
  }
  return { total, functions: [...counts].sort((a, b) => b[1] - a[1]) };
}

/** Absolute in hexadecimal, or a distance from the one before. */
function nextAddress(address: number, position: string): number {
  if (position === "*") return address;
  if (position.startsWith("+")) return address + Number(position.slice(1));
  if (position.startsWith("-")) return address - Number(position.slice(1));
  return Number.parseInt(position, 16);
}

function codeNames(perfMap: string): (address: number) => string | undefined {
  const codes: Code[] = [];
  for (const line of perfMap.split("\n")) {
    const [, start = "", size = "", name = ""] = /^([0-9a-f]+) ([0-9a-f]+) (.*)$/.exec(line) ?? [];
    if (name === "") continue;
    const from = Number.parseInt(start, 16);
    codes.push({ start: from, end: from + Number.parseInt(size, 16), name, order: codes.length });
  }
  codes.sort((a, b) => a.start - b.start || a.order - b.order);
  return (address) => {
    let low = 0;
    let high = codes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((codes[middle] as Code).start <= address) low = middle + 1;
      else high = middle;
    }
    let found: Code | undefined;
    for (const code of codes.slice(Math.max(0, low - OVERLAPS), low))
      if (address < code.end && (found === undefined || code.order > found.order)) found = code;
    return found?.name;
  };
}

/** The table of targets (80-performance.md): what was reached in this run, and what no run can show yet. */

export interface Target {
  readonly row: string;
  readonly target: string;
  readonly reached: string;
  readonly met: boolean;
}

export function atMost(row: string, value: number, limit: number, unit = "x"): Target {
  return { row, target: `<= ${limit} ${unit}`, reached: `${value.toFixed(2)} ${unit}`, met: value <= limit };
}

export function atLeast(row: string, value: number, limit: number, unit = "x"): Target {
  return { row, target: `>= ${limit} ${unit}`, reached: `${value.toFixed(2)} ${unit}`, met: value >= limit };
}

/** Rows of features that are not there yet. */
const OPEN = ["policies and limits on", "metrics on", "cache hits"];

export function printTargets(targets: readonly Target[], open: readonly string[] = OPEN): void {
  console.log("\ntarget                                          wanted         reached        met");
  for (const { row, target, reached, met } of targets) {
    console.log(`${row.padEnd(47)} ${target.padEnd(14)} ${reached.padEnd(14)} ${met ? "yes" : "no"}`);
  }
  for (const row of open) console.log(`${row.padEnd(47)} ${"-".padEnd(14)} ${"-".padEnd(14)} open`);
}

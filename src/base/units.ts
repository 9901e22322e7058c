/** Durations and sizes as people write them: "250ms" to milliseconds, "64KiB" to bytes. */

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** The longest delay a timer of Node can wait (2^31 - 1 ms, about 24 days): above it fires at once. */
export const MAX_DURATION_MS = 2 ** 31 - 1;

/** Milliseconds of "250ms", "30s", "1.5m", "2h" or "1d", fractions rounded; null when it is not such a text. */
export function parseDuration(text: string): number | null {
  return parseAmount(text, DURATION_UNITS);
}

/** Bytes of "64KiB", "32MiB", "1GB" or "512B", fractions rounded; null when it is not such a text. */
export function parseSize(text: string): number | null {
  return parseAmount(text, SIZE_UNITS);
}

function parseAmount(text: string, units: Readonly<Record<string, number>>): number | null {
  const match = /^(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z]{1,3})$/.exec(text);
  if (match === null) return null;
  const unit = match[2] ?? "";
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (factor === undefined) return null;
  const value = Math.round(Number(match[1]) * factor);
  return Number.isSafeInteger(value) ? value : null;
}

/** The shortest exact text of a duration: 90000 is "90s", 60000 is "1m". `parseDuration` reads it back. */
export function formatDuration(ms: number): string {
  for (const unit of ["d", "h", "m", "s"]) {
    const factor = DURATION_UNITS[unit] ?? 1;
    if (ms >= factor && ms % factor === 0) return `${ms / factor}${unit}`;
  }
  return ms === 0 ? "0s" : `${ms}ms`;
}

/** The shortest exact text of a size in binary units: 65536 is "64KiB", 1000 is "1000B". */
export function formatSize(bytes: number): string {
  for (const unit of ["GiB", "MiB", "KiB"]) {
    const factor = SIZE_UNITS[unit] ?? 1;
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return `${bytes}B`;
}

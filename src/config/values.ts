/** Building blocks of the schema: each names in its message what is allowed, the loader adds what was found. */
import * as v from "valibot";
import { MAX_DURATION_MS, parseDuration, parseSize } from "../base/units.ts";
import { type CamelKeys, camelKeys } from "./camel-keys.ts";

/** A section or inline table. Unknown keys are reported by `unknown-keys.ts`, all of them at once. */
export function section<const E extends v.ObjectEntries>(entries: E, allowed = "a table") {
  return v.pipe(
    table(entries, allowed),
    v.transform((value): CamelKeys<v.InferOutput<v.ObjectSchema<E, undefined>>> => camelKeys(value)),
  );
}

/** Like `section`, but still under the file's own names: for sections that have rules between their keys. */
export function table<const E extends v.ObjectEntries>(entries: E, allowed = "a table") {
  return v.pipe(
    v.custom<v.InferInput<v.ObjectSchema<E, undefined>>>(isTable, allowed),
    v.object(entries, allowed),
  );
}

/** True for a TOML table: neither an array nor a date. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** Tables whose keys are the user's own names; `refusal` says why one that breaks the rule is none. */
export function named<S extends v.GenericSchema>(
  entry: S,
  refusal = "is no name; allowed: any text that is not empty",
  rule: (name: string) => boolean = (name) => name !== "",
) {
  return v.pipe(
    v.custom<Record<string, v.InferInput<S>>>(isTable, "a table"),
    v.record(v.pipe(v.string(), v.check(rule, refusal)), entry),
  );
}

/** A key that may be left out: null then. */
export function unset<const S extends v.GenericSchema>(schema: S) {
  return v.optional(v.nullable(schema), null);
}

const DURATION = 'a duration such as "250ms", "30s", "5m", "2h" (0s to 24d)';

export const duration = v.pipe(
  v.string(DURATION),
  v.rawTransform(({ dataset, addIssue, NEVER }): number => {
    const ms = parseDuration(dataset.value);
    if (ms !== null && ms <= MAX_DURATION_MS) return ms;
    addIssue({ message: DURATION });
    return NEVER;
  }),
);

/** A duration above zero. */
export const delay = v.pipe(duration, v.minValue(1, 'a duration above zero such as "250ms", "30s", "5m"'));

const SIZE = 'a size such as "64KiB", "32MiB" or a whole number of bytes';

/** Bytes, from `min` up. */
export function size(min: number) {
  const allowed = min > 0 ? `${SIZE}, at least ${min}` : SIZE;
  return v.pipe(
    v.union([v.string(), v.number()], allowed),
    v.rawTransform(({ dataset, addIssue, NEVER }): number => {
      const bytes = typeof dataset.value === "number" ? dataset.value : parseSize(dataset.value);
      if (bytes !== null && Number.isSafeInteger(bytes) && bytes >= min) return bytes;
      addIssue({ message: allowed });
      return NEVER;
    }),
  );
}

export const bool = v.boolean("true or false");
export const text = v.string("a string");
export const texts = v.array(text, "a list of strings");

/** One of a closed list of words. */
export function oneOf<const W extends readonly [string, ...string[]]>(...words: W) {
  return v.picklist(words, words.map((word) => JSON.stringify(word)).join(" | "));
}

/** A whole number inside the bounds. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER) {
  const allowed = `a whole number ${range(min, max)}`;
  return v.pipe(
    v.number(allowed),
    v.check((value) => Number.isSafeInteger(value) && value >= min && value <= max, allowed),
  );
}

/** A finite number inside the bounds. */
export function number(min: number, max = Number.MAX_VALUE) {
  const allowed = `a number ${range(min, max)}`;
  return v.pipe(
    v.number(allowed),
    v.check((value) => Number.isFinite(value) && value >= min && value <= max, allowed),
  );
}

/** A finite number above zero, up to `max`. */
export function positive(max = Number.MAX_VALUE) {
  const allowed = max === Number.MAX_VALUE ? "a number above 0" : `a number above 0, at most ${max}`;
  return v.pipe(
    v.number(allowed),
    v.check((value) => Number.isFinite(value) && value > 0 && value <= max, allowed),
  );
}

function range(min: number, max: number): string {
  return max >= Number.MAX_SAFE_INTEGER ? `from ${min} up` : `between ${min} and ${max}`;
}

/** A text with a rule of its own. */
export function textThat(allowed: string, rule: (value: string) => boolean) {
  return v.pipe(v.string(allowed), v.check(rule, allowed));
}

/** A point in time with its zone, as milliseconds since 1970. */
export const instant = v.pipe(
  v.custom<Date>(
    // A time without a date is one of the year 0.
    (value) => value instanceof Date && value.getTime() > 0,
    "a date and time such as 2027-01-01T00:00:00Z",
  ),
  v.transform((date) => date.getTime()),
);

/** A value, or the word "auto". */
export function auto<const S extends v.GenericSchema>(schema: S, allowed: string) {
  return v.union([v.literal("auto"), schema], allowed);
}

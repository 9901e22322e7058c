/** The one rule that turns the file's snake_case keys into the code's camelCase members, for types and values. */

type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;

/** The members of a section, not of what stands inside them: maps keyed by the user's names stay as written. */
export type CamelKeys<T> = { [K in keyof T as K extends string ? CamelCase<K> : K]: T[K] };

/** `max_tokens` is `maxTokens`. */
function camelCase<const S extends string>(key: S): CamelCase<S> {
  return key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()) as CamelCase<S>;
}

/** `maxTokens` is `max_tokens`: the way back, for showing a configuration under the names of the file. */
export function snakeCase(member: string): string {
  return member.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A copy with converted keys; values are taken as they are. */
export function camelKeys<T extends object>(section: T): CamelKeys<T> {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(section)) result[camelCase(key)] = value;
  return result as CamelKeys<T>;
}

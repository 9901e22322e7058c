/** Stands for the names of a head's lines: heads that share one have the same names in the same order. */
import type { ResponseHead } from "./client.ts";
import type { QuotaLines } from "./quota-lines.ts";

export class HeadNames {
  /** Where the quotas stand; null = nobody has asked yet. */
  quota: QuotaLines | null = null;
  /** Where the value of `content-encoding` stands; 0 = nowhere, -1 = nobody has asked yet. */
  encoding = -1;
}

/** The `content-encoding` of a head, "" = it has none: looked for once for all heads with the same names. */
export function contentEncoding({ headers, names }: Pick<ResponseHead, "headers" | "names">): string {
  const known = names?.encoding ?? -1;
  const at = known < 0 ? placeOfEncoding(headers) : known;
  if (names) names.encoding = at;
  return at === 0 ? "" : (headers[at] ?? "");
}

function placeOfEncoding(headers: ResponseHead["headers"]): number {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === "content-encoding") return i + 1;
  return 0;
}

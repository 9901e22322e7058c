/** Finds and replaces small text fields of a multipart form by bytes: files in it are neither parsed nor copied. */

export interface FormField {
  /** The value stands in [start, end). */
  readonly start: number;
  readonly end: number;
}

/** Parts looked at; the model stands among the first few. */
const MAX_PARTS = 256;
/** Header lines of one part. */
const MAX_HEAD_BYTES = 8 * 1024;
const HEAD_END = Buffer.from("\r\n\r\n");

/** Boundary of a `multipart/form-data` content type; "" = it is none. */
export function boundaryOf(contentType: string): string {
  if (!/^multipart\/form-data\b/i.test(contentType.trim())) return "";
  const found = /;\s*boundary=(?:"([^"]{1,200})"|([^\s;]{1,200}))/i.exec(contentType);
  return found?.[1] ?? found?.[2] ?? "";
}

/** The field of that name; undefined when the form has none, or is cut off before its end. */
export function findField(body: Buffer, boundary: string, name: string): FormField | undefined {
  const opening = Buffer.from(`--${boundary}`);
  const closing = Buffer.from(`\r\n--${boundary}`);
  let at = body.indexOf(opening);
  for (let parts = 0; at >= 0 && parts < MAX_PARTS; parts++) {
    const head = at + opening.length;
    // `--` after a boundary ends the form.
    if (body[head] === 0x2d && body[head + 1] === 0x2d) return undefined;
    const start = body.indexOf(HEAD_END, head);
    if (start < 0 || start - head > MAX_HEAD_BYTES) return undefined;
    const end = body.indexOf(closing, start + 2);
    if (end < 0) return undefined;
    const value = start + HEAD_END.length;
    if (nameOf(body.toString("latin1", head, start)) === name) return { start: Math.min(value, end), end };
    at = end + 2;
  }
  return undefined;
}

/** The form with the field's value replaced; the rest are views of `body`. */
export function replaceField(body: Buffer, field: FormField, value: string): Buffer[] {
  return [body.subarray(0, field.start), Buffer.from(value, "utf8"), body.subarray(field.end)];
}

function nameOf(head: string): string {
  const line = /^content-disposition:[^\r\n]*/im.exec(head)?.[0] ?? "";
  const found = /;\s*name=(?:"([^"]*)"|([^\s;"]+))/i.exec(line);
  return found?.[1] ?? found?.[2] ?? "";
}

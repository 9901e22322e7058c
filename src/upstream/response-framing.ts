/** How the body of an answer ends and whether its connection may be used again, read from the head (RFC 9112, 6 and 9). */

/** `none` = there is no body; `close` = it ends with the connection. */
export type BodyKind = "none" | "length" | "chunked" | "close";

/** Reused for every answer of a connection. `read` takes the header lines in order, `decide` concludes. */
export class ResponseFraming {
  refusal = "";
  kind: BodyKind = "none";
  /** Declared length; -1 = none declared. */
  length = -1;
  keepAlive = true;
  /** What `Keep-Alive: timeout=n` promises, milliseconds; -1 = nothing. */
  keepAliveTimeout = -1;
  #chunked = false;
  #closeToken = false;
  #keepToken = false;

  reset(): void {
    this.length = -1;
    this.keepAliveTimeout = -1;
    this.#chunked = false;
    this.#closeToken = false;
    this.#keepToken = false;
  }

  /** False: the line is refused. `name` in lower case. */
  read(name: string, value: string): boolean {
    switch (name.length) {
      case 10:
        if (name === "connection") this.#connection(value);
        else if (name === "keep-alive") this.#timeout(value);
        return true;
      case 14:
        return name !== "content-length" || this.#contentLength(value);
      case 17:
        return name !== "transfer-encoding" || this.#transferEncoding(value);
      default:
        return true;
    }
  }

  /** After the last line. False: length and coding contradict each other. */
  decide(status: number, minor: number, head: boolean): boolean {
    if (this.#chunked && this.length >= 0) {
      return this.#refuse("has both Content-Length and Transfer-Encoding");
    }
    if (head || status === 204 || status === 304) this.kind = "none";
    else if (this.#chunked) this.kind = "chunked";
    else if (this.length >= 0) this.kind = "length";
    else this.kind = "close";
    // RFC 9112 6.1: chunked in HTTP/1.0 is faulty framing, such a connection is not used again
    const kept = minor === 1 ? true : this.#keepToken && !this.#chunked;
    this.keepAlive = kept && !this.#closeToken && this.kind !== "close";
    return true;
  }

  /** The same line twice is common enough (RFC 9110 8.6 allows to take it as one); a list or a sign is not. */
  #contentLength(value: string): boolean {
    const length = plainNumber(value);
    if (length < 0) return this.#refuse("has a Content-Length that is not a plain number");
    if (this.length >= 0 && this.length !== length)
      return this.#refuse("has two different Content-Length lines");
    this.length = length;
    return true;
  }

  #transferEncoding(value: string): boolean {
    if (value !== "chunked" && value.toLowerCase() !== "chunked") {
      return this.#refuse("has a Transfer-Encoding other than chunked");
    }
    this.#chunked = true;
    return true;
  }

  #connection(value: string): void {
    for (const token of value.toLowerCase().split(",")) {
      const word = token.trim();
      if (word === "close") this.#closeToken = true;
      else if (word === "keep-alive") this.#keepToken = true;
    }
  }

  #timeout(value: string): void {
    const match = /(?:^|[,;\s])timeout\s*=\s*"?([0-9]{1,9})/i.exec(value);
    if (match !== null) this.keepAliveTimeout = Number(match[1]) * 1000;
  }

  #refuse(why: string): false {
    this.refusal = why;
    return false;
  }
}

/** Whether the value of a line of that name is for `ResponseFraming` to read. */
export function framesAnswer(name: string): boolean {
  return (
    name === "connection" ||
    name === "keep-alive" ||
    name === "content-length" ||
    name === "transfer-encoding"
  );
}

/** 1 to 15 digits and nothing else, so that it is exact; -1 = anything else. */
function plainNumber(text: string): number {
  if (text.length === 0 || text.length > 15) return -1;
  let number = 0;
  for (let i = 0; i < text.length; i += 1) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

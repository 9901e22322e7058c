/** The calls of one choice of a Chat stream: which of them a delta means, and what is known of each (40-protocols 3.3). */
import { type JsonObject, numberOf, objectOf, stringOf } from "../json-value.ts";

export interface StreamCall {
  readonly index: number;
  id: string;
  name: string;
  custom: boolean;
  signature: string;
  /** Neutral part; -1 until the name is known. */
  part: number;
  /** Arguments that came before the name. */
  early: string;
}

const MAX_CALLS = 1024;

export class StreamCalls {
  readonly all: StreamCall[] = [];

  /** The call a delta belongs to, with what the delta says of it; null when there are too many. */
  take(item: JsonObject): StreamCall | null {
    const custom = objectOf(item.custom);
    const body = custom ?? objectOf(item.function) ?? {};
    const id = stringOf(item.id) ?? "";
    const call = this.#find(numberOf(item.index), id);
    if (call === null) return null;
    if (call.id === "") call.id = id;
    if (custom !== undefined || item.type === "custom") call.custom = true;
    if (call.name === "") call.name = stringOf(body.name) ?? "";
    const signature = stringOf(objectOf(objectOf(item.extra_content)?.google)?.thought_signature);
    if (signature !== undefined && call.signature === "") call.signature = signature;
    return call;
  }

  /** The call by index, else by id, else the last one. An id that another call of that index has opens a new one. */
  #find(index: number | undefined, id: string): StreamCall | null {
    let found: StreamCall | undefined;
    if (index !== undefined) {
      // The newest of that index: some servers always say 0.
      found = this.all.findLast((call) => call.index === index);
      if (found !== undefined && id !== "" && found.id !== "" && found.id !== id) {
        found = this.all.find((call) => call.id === id);
      }
    } else if (id !== "") {
      found = this.all.find((call) => call.id === id);
    } else {
      found = this.all.at(-1);
    }
    if (found !== undefined) return found;
    if (this.all.length >= MAX_CALLS) return null;
    const call: StreamCall = {
      index: index ?? this.all.length,
      id,
      name: "",
      custom: false,
      signature: "",
      part: -1,
      early: "",
    };
    this.all.push(call);
    return call;
  }
}

/** Argument text of a delta; servers that send the object itself are taken at its JSON. */
export function argumentsOf(item: JsonObject): string {
  const custom = objectOf(item.custom);
  const given = custom === undefined ? objectOf(item.function)?.arguments : custom.input;
  if (typeof given === "string") return given;
  return objectOf(given) === undefined ? "" : JSON.stringify(given);
}

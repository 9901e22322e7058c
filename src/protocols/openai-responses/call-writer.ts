/** Writes one call item of a Responses stream: of a function, a free-text tool, or a tool the client runs. */
import type { EventLines } from "./event-lines.ts";
import { type CallHead, callItem, type clientCall, clientCallItem } from "./items.ts";

export class CallWriter {
  readonly kind = "call";
  readonly index: number;
  readonly call: CallHead;
  readonly #events: EventLines;
  /** A client tool's call is shown when its arguments are whole: its item has no text to grow. */
  readonly #client: ReturnType<typeof clientCall>;
  #text = "";

  constructor(events: EventLines, call: CallHead, client: ReturnType<typeof clientCall>, index: number) {
    this.#events = events;
    this.call = call;
    this.#client = client;
    this.index = index;
  }

  begin(): string {
    return this.#client === undefined ? this.#added(callItem(this.call, "in_progress", "")) : "";
  }

  arguments(delta: string): string {
    this.#text += delta;
    if (this.#client !== undefined || delta === "") return "";
    const type = this.call.custom
      ? "response.custom_tool_call_input.delta"
      : "response.function_call_arguments.delta";
    return this.#events.write(type, `${this.#place}"delta":${JSON.stringify(delta)}`);
  }

  /** What stands before the item's own end. */
  close(): string {
    if (this.#client !== undefined)
      return this.#added(clientCallItem(this.#client, this.call, "in_progress", this.#text));
    const quoted = JSON.stringify(this.#whole);
    if (this.call.custom)
      return this.#events.write("response.custom_tool_call_input.done", `${this.#place}"input":${quoted}`);
    const name = JSON.stringify(this.call.name);
    return this.#events.write(
      "response.function_call_arguments.done",
      `${this.#place}"name":${name},"arguments":${quoted}`,
    );
  }

  /** The finished item. */
  get json(): string {
    if (this.#client !== undefined) return clientCallItem(this.#client, this.call, "completed", this.#text);
    return callItem(this.call, "completed", this.#whole);
  }

  /** An empty call of a function is a call with no arguments, which is an empty object (case 49). */
  get #whole(): string {
    return this.#text === "" && !this.call.custom ? "{}" : this.#text;
  }

  get #place(): string {
    return `"item_id":"${this.call.itemId}","output_index":${this.index},`;
  }

  #added(item: string): string {
    return this.#events.write("response.output_item.added", `"output_index":${this.index},"item":${item}`);
  }
}

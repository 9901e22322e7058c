/** The upstream of the soak: under `/flaky` it does what a request's header asks for, under `/good` it always answers. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { sse } from "../../support/answers.ts";
import { openaiChatEvents, openaiCompletion } from "../../support/openai-answers.ts";
import { PLAY_HEADER, wordOf } from "../contract.ts";

/** Between two events of a stream, so that many are open at once. */
const EVENT_MS = 4;
const EVENTS_BEFORE_CUT = 5;
const FILLER = "x".repeat(1000);

interface Asked {
  readonly number: number;
  readonly words: number;
}

type Player = (response: ServerResponse, asked: Asked) => void | Promise<void>;

const PLAYERS: Readonly<Record<string, Player>> = {
  whole(response, asked) {
    sendJson(response, 200, openaiCompletion({ text: textOf(asked) }));
  },
  embedding(response, asked) {
    const data = [{ object: "embedding", index: 0, embedding: [0.25, -0.5, 0.125] }];
    const usage = { prompt_tokens: 20, total_tokens: 20 };
    sendJson(response, 200, { object: "list", data, model: wordOf(asked.number, 0), usage });
  },
  stream: (response, asked) => sendEvents(response, asked, Number.POSITIVE_INFINITY),
  async long(response, { number, words }) {
    startStream(response);
    const finish = openaiChatEvents({ text: "" }).slice(1);
    for (let word = 0; word < words && !response.destroyed; word++) {
      const content = `${FILLER}${wordOf(number, word)} `;
      const choices = [{ index: 0, delta: { content }, finish_reason: null }];
      const event = sse({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices });
      if (!response.write(event)) await drained(response);
    }
    response.end(finish.join(""));
  },
  "500"(response) {
    sendJson(response, 500, { error: { message: "the server had an error", type: "server_error" } });
  },
  "429"(response) {
    response.setHeader("retry-after-ms", "40");
    sendJson(response, 429, { error: { message: "slow down", type: "rate_limit_error" } });
  },
  reset(response) {
    response.socket?.resetAndDestroy();
  },
  garbage(response) {
    response.socket?.end("HTTP/1.1 two hundred\r\nnothing: here\r\n\r\n\0\0\0");
  },
  "cut-whole"(response, asked) {
    const body = JSON.stringify(openaiCompletion({ text: textOf(asked) }));
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    response.write(body.slice(0, body.length >> 1), () => response.destroy());
  },
  async "cut-stream"(response, asked) {
    await sendEvents(response, asked, EVENTS_BEFORE_CUT);
    response.destroy();
  },
  stall() {},
  "stall-stream": (response, asked) => sendEvents(response, asked, EVENTS_BEFORE_CUT),
};

const server = createServer((request, response) => {
  response.on("error", () => {}); // the gateway goes as soon as its caller does
  request.on("error", () => {});
  request.resume();
  request.on("end", () => void play(request, response));
});

async function play(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [flaky = "", good = "", number = "0", words = "0"] = String(request.headers[PLAY_HEADER]).split(" ");
  const player = PLAYERS[request.url?.startsWith("/good/") ? good : flaky];
  if (player === undefined) response.writeHead(404).end();
  else await player(response, { number: Number(number), words: Number(words) });
}

function textOf({ number, words }: Asked): string {
  return Array.from({ length: words }, (_, word) => wordOf(number, word)).join(" ");
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

function startStream(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
}

/** All events of an answer, or only the first ones and no end. */
async function sendEvents(response: ServerResponse, asked: Asked, most: number): Promise<void> {
  startStream(response);
  for (const [index, event] of openaiChatEvents({ text: textOf(asked) }).entries()) {
    if (index === most || response.destroyed) return;
    response.write(event);
    await pause(EVENT_MS);
  }
  response.end();
}

/** Until there is room, or nobody is there any more. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
  });
}

server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));

/** The clients of the soak: each sends one request after another, of kinds that its seed chooses, and looks at the answer. */
import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import { seededRandom } from "../../support/seed.ts";
import { AnswerCheck } from "../answer-check.ts";
import { PLAY_HEADER, type SoakMessage, type SoakOrder } from "../contract.ts";
import { kindAt, type RequestKind } from "../mix.ts";

/** Longer than any answer takes on a busy machine. */
const HANG_MS = 90_000;
const MOST_SURPRISES = 8;
const PROGRESS_MS = 2000;
const PAUSES = 6;

const counts: Record<string, Record<string, number>> = {};
const surprises: string[] = [];
let resent = 0;
let answered = 0;
let isStopping = false;

process.on("message", (message: SoakOrder | "stop") => {
  if (message === "stop") isStopping = true;
  else void run(message);
});

function tell(message: SoakMessage): void {
  process.send?.(message);
}

async function run(order: SoakOrder): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: order.connections });
  const progress = setInterval(() => tell({ kind: "progress", answered }), PROGRESS_MS);
  const worker = async (_: unknown, index: number) => {
    const random = seededRandom(order.seed * 1000 + index);
    while (!isStopping) await ask(kindAt(random()), order, agent, random);
  };
  await Promise.all(Array.from({ length: order.connections }, worker));
  clearInterval(progress);
  agent.destroy();
  tell({ kind: "result", counts, resent, surprises });
}

async function ask(kind: RequestKind, order: SoakOrder, agent: Agent, random: () => number): Promise<void> {
  const number = ++answered;
  let [outcome, text] = await send(kind, number, order, agent, random);
  if (outcome === "connection was closed") {
    resent++;
    [outcome, text] = await send(kind, number, order, agent, random);
  }
  counts[kind.name] ??= {};
  const of = counts[kind.name] as Record<string, number>;
  of[outcome] = (of[outcome] ?? 0) + 1;
  if (!kind.expected.includes(outcome) && surprises.length < MOST_SURPRISES)
    surprises.push(`request ${number}, ${kind.name}: ${outcome} ${text}`);
}

/** How one request ended, and what came. */
function send(
  kind: RequestKind,
  number: number,
  order: SoakOrder,
  agent: Agent,
  random: () => number,
): Promise<[outcome: string, text: string]> {
  return new Promise((resolve) => {
    const check = new AnswerCheck(number);
    const sent = request({
      host: "127.0.0.1",
      port: order.port,
      path: kind.path,
      method: kind.method,
      agent,
      headers: headersOf(kind, number, order.key),
    });
    let response: IncomingMessage | null = null;
    let hasLeft = false;
    const finish = (outcome: string) => {
      clearTimeout(hang);
      clearTimeout(leaving);
      resolve([hasLeft ? "left" : outcome, check.text]);
    };
    const hang = setTimeout(() => {
      finish("hung");
      sent.destroy();
    }, HANG_MS);
    const leave = () => {
      hasLeft = true;
      sent.destroy();
    };
    let leaving: NodeJS.Timeout | undefined;
    if (kind.leaves === "uploading" || kind.leaves === "waiting")
      leaving = setTimeout(leave, 5 + random() * 60);
    sent.on("error", (error: NodeJS.ErrnoException) => {
      if (response !== null) return;
      if (sent.reusedSocket && /^(?:ECONNRESET|EPIPE)$/.test(error.code ?? ""))
        finish("connection was closed");
      else finish(`no answer: ${error.code}`);
    });
    sent.on("response", (answer) => {
      response = answer;
      answer.on("data", (piece: Buffer) => check.feed(piece));
      answer.on("error", () => {}); // cut: "close" follows
      answer.on("close", () => {
        const type = String(answer.headers["content-type"]);
        finish(
          `${answer.statusCode} ${check.end(answer.statusCode ?? 0, type, kind.words, answer.complete)}`,
        );
      });
      if (kind.leaves === "reading")
        answer.once("data", () => {
          leaving = setTimeout(leave, random() * 40);
        });
      if (kind.isSlow) readSlowly(answer, random);
    });
    sent.on("close", () => {
      if (response === null) finish("no answer");
    });
    write(sent, kind);
  });
}

function headersOf(kind: RequestKind, number: number, key: string): Record<string, string | number> {
  return {
    authorization: `Bearer ${kind.hasKey ? key : "sk-nobody-0000000000000000"}`,
    [PLAY_HEADER]: `${kind.flaky} ${kind.good} ${number} ${kind.words}`,
    ...(kind.path === "/v1/messages" ? { "anthropic-version": "2023-06-01" } : {}),
    ...(kind.method === "GET"
      ? {}
      : { "content-type": "application/json", "content-length": kind.declared || kind.body.length }),
  };
}

function write(sent: ClientRequest, kind: RequestKind): void {
  if (kind.method === "GET") sent.end();
  else if (kind.leaves === "uploading") sent.write(kind.body.subarray(0, kind.body.length >> 1));
  else if (kind.declared > 0) sent.flushHeaders();
  else sent.end(kind.body);
}

function readSlowly(answer: IncomingMessage, random: () => number): void {
  let left = PAUSES;
  answer.on("data", () => {
    if (left-- <= 0) return;
    answer.pause();
    setTimeout(() => answer.resume(), 100 + random() * 400);
  });
}

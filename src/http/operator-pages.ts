/** The pages for operators: health, readiness, status, reload, and the switches of providers. */
import { Failure } from "../base/failure.ts";
import { headerValue } from "../base/headers.ts";
import type { Gateway } from "../gateway/gateway.ts";
import type { Exchange } from "./exchange.ts";
import { type AnswerContext, answerFailure, answerJson, answerText } from "./plain-answer.ts";
import type { Route } from "./route.ts";

/** What the running process offers to these pages. */
export interface Operations {
  readonly draining: boolean;
  /** True when there is a console to send an administrator's browser to. */
  readonly hasConsole: boolean;
  readonly version: string;
  /** Plain JSON data for `/status`. */
  status(): object;
  /** Loads the configuration again; the errors, none when it is in force. Never rejects. */
  reload(): Promise<readonly string[]>;
}

type OperatorRoute = Extract<Route, { kind: "operator" }>;

interface PageRequest extends AnswerContext {
  readonly exchange: Exchange;
  readonly route: OperatorRoute;
  readonly isAdmin: boolean;
}

/** Retry-After of everything said while shutting down. */
const RETRY_MS = 5000;

/** Answers one request whose rights have been checked. */
export function answerPage(request: PageRequest, gateway: Gateway, operations: Operations): void {
  const { exchange, route } = request;
  switch (route.page) {
    case "root":
      answerRoot(request, operations);
      break;
    case "health":
      if (operations.draining) answerJson(exchange, 503, { status: "shutting_down" }, request, RETRY_HEADERS);
      else answerJson(exchange, 200, { status: "ok" }, request);
      break;
    case "ready":
      answerReady(request, gateway, operations);
      break;
    case "status":
      answerJson(exchange, 200, operations.status(), request);
      break;
    case "reload":
      void answerReload(request, operations);
      break;
    case "provider":
      answerProvider(request, gateway);
      break;
    case "metrics":
      answerFailure(exchange, missing("metrics in Prometheus' form are"), request);
      break;
    case "api":
      answerFailure(exchange, missing("the console's REST interface is"), request);
      break;
  }
}

/** What follows an administrator's request for a part that this build has not got. */
export function missing(what: string): Failure {
  return new Failure("not_found", `${what} not in this build`, { code: "not_found" });
}

/** 503 for whatever would begin something new. */
function shuttingDown(): Failure {
  return new Failure("overloaded", "the gateway is shutting down", {
    code: "shutting_down",
    retryAfterMs: RETRY_MS,
  });
}

const RETRY_HEADERS = ["retry-after", String(RETRY_MS / 1000)];

function answerRoot(request: PageRequest, operations: Operations): void {
  const { exchange } = request;
  const isBrowser = headerValue(exchange.headers, "accept").includes("text/html");
  if (isBrowser && request.isAdmin && operations.hasConsole) {
    answerText(exchange, 302, "the console is at /console/\n", request, ["location", "/console/"]);
  } else {
    answerText(exchange, 200, `sluice ${operations.version}, an LLM gateway: /v1/models, /health\n`, request);
  }
}

function answerReady(request: PageRequest, gateway: Gateway, operations: Operations): void {
  const { exchange } = request;
  if (operations.draining) answerJson(exchange, 503, { status: "shutting_down" }, request, RETRY_HEADERS);
  else if (gateway.isReady()) answerJson(exchange, 200, { status: "ready" }, request);
  else answerJson(exchange, 503, { status: "no_usable_target" }, request, RETRY_HEADERS);
}

async function answerReload(request: PageRequest, operations: Operations): Promise<void> {
  const { exchange } = request;
  if (operations.draining) {
    answerFailure(exchange, shuttingDown(), request);
    return;
  }
  const errors = await operations.reload();
  if (errors.length === 0) {
    answerJson(exchange, 200, { message: "configuration reloaded" }, request);
    return;
  }
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  const message = `the configuration was not reloaded: ${errors[0]}${more}`;
  const error = { message, type: "bad_request", code: "invalid_configuration", errors };
  answerJson(exchange, 400, { error }, request);
}

function answerProvider(request: PageRequest, gateway: Gateway): void {
  const { exchange, route } = request;
  const { name, action } = route;
  const known = action === "reset" ? gateway.reset(name) : gateway.setOffline(name, action === "offline");
  const { providers } = gateway.status();
  if (known) {
    const offline = providers.find((provider) => provider.name === name)?.offline ?? false;
    answerJson(exchange, 200, { provider: name, action, offline }, request);
    return;
  }
  const names = providers.map((provider) => provider.name).join(", ");
  const message = `there is no provider ${JSON.stringify(name.slice(0, 100))}; there are: ${names || "none"}`;
  answerFailure(exchange, new Failure("not_found", message, { code: "provider_not_found" }), request);
}

/** Races connects to all addresses of a name (RFC 8305): a new one every 250 ms, the earlier ones kept, the first that stands wins. */
import { isIPv6, type Socket } from "node:net";
import type { Timers } from "../base/clock.ts";

const STAGGER_MS = 250;

export interface RaceResult<T extends Socket> {
  won(socket: T, address: string): void;
  /** Every address failed; in the order of trying. */
  lost(errors: readonly ConnectError[]): void;
}

export interface ConnectError {
  readonly address: string;
  readonly error: NodeJS.ErrnoException;
}

/** `open` begins a connect that tells by `connect` or `error`. Returns what cancels the race. */
export function raceConnects<T extends Socket>(
  addresses: readonly string[],
  timers: Timers,
  open: (address: string) => T,
  result: RaceResult<T>,
): () => void {
  const running = new Set<T>();
  const errors: ConnectError[] = [];
  let next = 0;
  let over = false;
  const stagger = timers.start(STAGGER_MS, startNext);

  function finish(winner: T | null): void {
    over = true;
    stagger.cancel();
    for (const socket of running) {
      if (socket !== winner) socket.destroy();
    }
    running.clear();
  }

  function startNext(): void {
    const address = addresses[next];
    if (over || address === undefined) return;
    next += 1;
    if (next < addresses.length) stagger.restart(STAGGER_MS);
    const socket = open(address);
    running.add(socket);
    const onError = (error: NodeJS.ErrnoException) => {
      if (over || !running.delete(socket)) return;
      socket.destroy();
      errors.push({ address, error });
      if (next < addresses.length) startNext();
      else if (running.size === 0) {
        finish(null);
        result.lost(errors);
      }
    };
    socket.on("error", onError);
    socket.once("connect", () => {
      if (over) return;
      finish(socket);
      result.won(socket, address);
      socket.removeListener("error", onError);
    });
  }

  startNext();
  return () => {
    if (!over) finish(null);
  };
}

/** The last good address first, then the families in turn, IPv6 leading (RFC 8305 4). */
export function orderAddresses(addresses: readonly string[], lastGood: string): string[] {
  const six = addresses.filter((address) => isIPv6(address) && address !== lastGood);
  const four = addresses.filter((address) => !isIPv6(address) && address !== lastGood);
  const ordered = addresses.includes(lastGood) ? [lastGood] : [];
  const [lead, follow] = isIPv6(lastGood) && ordered.length > 0 ? [four, six] : [six, four];
  for (let i = 0; i < Math.max(lead.length, follow.length); i += 1) {
    for (const address of [lead[i], follow[i]]) {
      if (address !== undefined) ordered.push(address);
    }
  }
  return ordered;
}

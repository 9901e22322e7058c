/** Nothing is left over after 20,000 requests of every kind, on both engines. */
import { test } from "node:test";
import { huntLeaks } from "./support/leak-hunt.ts";

for (const engine of ["hyper-express", "node"] as const) {
  test(`${engine}: after 20,000 requests of every kind memory, sockets, timers and permits are back where they began`, async () => {
    await huntLeaks(engine, 20_000);
  });
}

/** Nothing is left over after requests of every kind; the long run sends ten times as many. */
import { test } from "node:test";
import { huntLeaks } from "./support/leak-hunt.ts";

test("after 2,000 requests of every kind memory, sockets, timers and permits are back where they began", async () => {
  await huntLeaks("hyper-express", 2000);
});

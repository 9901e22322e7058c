/** `sluice reload`: the running gateway reads its configuration again; its errors are told one a line. */
import { type AddressOptions, askForJson, findEndpoint } from "./control.ts";
import { print } from "./terminal.ts";

export async function reload(options: AddressOptions): Promise<void> {
  await askForJson(findEndpoint(options), "/reload", {});
  print("configuration reloaded");
}

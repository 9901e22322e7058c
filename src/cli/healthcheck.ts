/** `sluice healthcheck`: for containers and supervisors; exit 0 when the gateway answers and is not shutting down. */
import { type AddressOptions, ask, findEndpoint } from "./control.ts";
import { Exit, FAILED } from "./exit.ts";

export async function healthcheck(options: AddressOptions): Promise<void> {
  const endpoint = findEndpoint(options);
  const { status } = await ask(endpoint, "/health", null);
  if (status !== 200)
    throw new Exit(FAILED, `sluice: ${endpoint.url.origin} is not healthy: it answered ${status}`);
}

/** The rules between sections: names that must exist, things that must be unique or go together. */
import { checkAccess } from "./check-access.ts";
import { checkModels } from "./check-models.ts";
import { checkProviders } from "./check-providers.ts";
import type { CheckInput, CheckReport } from "./check-report.ts";
import { checkServer } from "./check-server.ts";

export function checkConfig(input: CheckInput, report: CheckReport): void {
  checkServer(input, report);
  checkProviders(input, report);
  checkModels(input, report);
  checkAccess(input, report);
}
